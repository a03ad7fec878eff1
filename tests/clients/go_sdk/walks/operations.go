package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acmpca"
	"github.com/aws/aws-sdk-go-v2/service/acmpca/types"
)

const manyTags = 5

func fiveTags(input *acmpca.CreateCertificateAuthorityInput) {
	for number := range manyTags {
		input.Tags = append(input.Tags, types.Tag{Key: aws.String(fmt.Sprint("key-", number)), Value: aws.String(fmt.Sprint("value ", number))})
	}
}

// waiting meets a CA and a certificate that take a moment; the sandbox has been told to delay both.
func waiting(w *walk) {
	made, err := w.CreateCertificateAuthority(w, &acmpca.CreateCertificateAuthorityInput{
		CertificateAuthorityType: types.CertificateAuthorityTypeRoot,
		CertificateAuthorityConfiguration: &types.CertificateAuthorityConfiguration{
			KeyAlgorithm:     types.KeyAlgorithmEcPrime256v1,
			SigningAlgorithm: types.SigningAlgorithmSha256withecdsa,
			Subject:          &types.ASN1Subject{CommonName: aws.String("Go slow")},
		},
	})
	w.must("a CA is created", err)
	arn := made.CertificateAuthorityArn
	w.hasStatus(arn, types.CertificateAuthorityStatusCreating)
	_, err = w.GetCertificateAuthorityCsr(w, &acmpca.GetCertificateAuthorityCsrInput{CertificateAuthorityArn: arn})
	refused[*types.RequestInProgressException](w, "the CSR of a new CA takes a moment", err)
	csr := w.csr(arn)
	w.hasStatus(arn, types.CertificateAuthorityStatusPendingCertificate)
	certificate := w.issue(arn, csr, withTemplate("RootCACertificate/V1"))
	_, err = w.GetCertificate(w, &acmpca.GetCertificateInput{CertificateAuthorityArn: arn, CertificateArn: certificate})
	refused[*types.RequestInProgressException](w, "a new certificate takes a moment", err)
	w.parse(w.get(arn, certificate).Certificate)
}

// pages lists CAs and tags with the SDK's paginators, a few on each page.
func pages(w *walk) {
	created := map[string]bool{}
	for number := range 5 {
		created[*w.create(fmt.Sprint("Go page ", number), types.CertificateAuthorityTypeRoot, fiveTags)] = true
	}
	full, found, listed := 0, map[string]int{}, acmpca.NewListCertificateAuthoritiesPaginator(
		w, &acmpca.ListCertificateAuthoritiesInput{MaxResults: aws.Int32(2)})
	for listed.HasMorePages() {
		page, err := listed.NextPage(w)
		w.must("a page of CAs is read", err)
		if len(page.CertificateAuthorities) == 2 {
			full++
		}
		for _, authority := range page.CertificateAuthorities {
			if created[*authority.Arn] {
				found[*authority.Arn]++
			}
		}
	}
	w.check("there are several pages", full >= 2, full)
	w.check("each CA is listed once",
		len(found) == len(created) && slices.Max(slices.Collect(maps.Values(found))) == 1, found)

	arn := slices.Sorted(maps.Keys(created))[0]
	sizes, tags := []int{}, acmpca.NewListTagsPaginator(w, &acmpca.ListTagsInput{
		CertificateAuthorityArn: &arn, MaxResults: aws.Int32(2),
	})
	for tags.HasMorePages() {
		page, err := tags.NextPage(w)
		w.must("a page of tags is read", err)
		sizes = append(sizes, len(page.Tags))
	}
	w.check("the tags are on three pages", slices.Equal(sizes, []int{2, 2, 1}), sizes)
	_, err := w.ListCertificateAuthorities(w, &acmpca.ListCertificateAuthoritiesInput{NextToken: aws.String("unknown")})
	refused[*types.InvalidNextTokenException](w, "the token of a page must be one that was given out", err)
}

// settings changes the tags, the permissions and the policy of a CA.
func settings(w *walk) {
	arn := w.root("Go settings", fiveTags)
	_, err := w.TagCertificateAuthority(w, &acmpca.TagCertificateAuthorityInput{
		CertificateAuthorityArn: arn, Tags: []types.Tag{{Key: aws.String("key-0"), Value: aws.String("new")}, {Key: aws.String("no-value")}}})
	w.must("the CA is tagged", err)
	_, err = w.UntagCertificateAuthority(w, &acmpca.UntagCertificateAuthorityInput{
		CertificateAuthorityArn: arn, Tags: []types.Tag{{Key: aws.String("key-1")}}})
	w.must("a tag is removed", err)
	listed, err := w.ListTags(w, &acmpca.ListTagsInput{CertificateAuthorityArn: arn})
	w.must("the tags are listed", err)
	found := map[string]string{}
	for _, tag := range listed.Tags {
		found[*tag.Key] = aws.ToString(tag.Value)
	}
	expected := map[string]string{"key-0": "new", "key-2": "value 2", "key-3": "value 3", "key-4": "value 4", "no-value": ""}
	w.check("the tags are the ones that were set", maps.Equal(found, expected), found)
	_, err = w.TagCertificateAuthority(w, &acmpca.TagCertificateAuthorityInput{
		CertificateAuthorityArn: arn, Tags: []types.Tag{{Key: aws.String("aws:key")}}})
	refused[*types.InvalidTagException](w, "keys that begin with aws: are AWS's", err)
	w.permissions(arn)
	w.policy(arn)
}

func (w *walk) permissions(arn *string) {
	granted := &acmpca.CreatePermissionInput{
		CertificateAuthorityArn: arn,
		Principal:               aws.String("acm.amazonaws.com"),
		Actions:                 []types.ActionType{types.ActionTypeIssueCertificate, types.ActionTypeGetCertificate, types.ActionTypeListPermissions},
	}
	_, err := w.CreatePermission(w, granted)
	w.must("a permission is granted", err)
	_, err = w.CreatePermission(w, granted)
	refused[*types.PermissionAlreadyExistsException](w, "a permission is granted once", err)
	listed := acmpca.NewListPermissionsPaginator(w, &acmpca.ListPermissionsInput{
		CertificateAuthorityArn: arn, MaxResults: aws.Int32(1),
	})
	page, err := listed.NextPage(w)
	w.must("the permissions are listed", err)
	w.check("the permission is listed",
		len(page.Permissions) == 1 && slices.Equal(page.Permissions[0].Actions, granted.Actions), len(page.Permissions))
	created := page.Permissions[0].CreatedAt
	w.check("the permission was granted just now", time.Since(*created).Abs() < time.Hour, created)
	w.check("there is no further page", !listed.HasMorePages(), listed.HasMorePages())
	withdrawn := &acmpca.DeletePermissionInput{CertificateAuthorityArn: arn, Principal: granted.Principal}
	_, err = w.DeletePermission(w, withdrawn)
	w.must("the permission is withdrawn", err)
	_, err = w.DeletePermission(w, withdrawn)
	refused[*types.ResourceNotFoundException](w, "a permission is withdrawn once", err)
}

func (w *walk) policy(arn *string) {
	_, err := w.GetPolicy(w, &acmpca.GetPolicyInput{ResourceArn: arn})
	refused[*types.ResourceNotFoundException](w, "a new CA has no policy", err)
	// AWS Private CA user guide, "Resource-based policies".
	principal := map[string]string{"AWS": "210987654321"}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{
		map[string]any{"Effect": "Allow", "Principal": principal, "Resource": arn, "Action": []string{
			"acm-pca:DescribeCertificateAuthority", "acm-pca:GetCertificate", "acm-pca:GetCertificateAuthorityCertificate",
			"acm-pca:ListPermissions", "acm-pca:ListTags"}},
		map[string]any{"Effect": "Allow", "Principal": principal, "Resource": arn, "Action": "acm-pca:IssueCertificate",
			"Condition": map[string]any{"StringEquals": map[string]string{"acm-pca:TemplateArn": template + "EndEntityCertificate/V1"}}},
	}})
	w.must("the policy is written", err)
	_, err = w.PutPolicy(w, &acmpca.PutPolicyInput{ResourceArn: arn, Policy: aws.String(string(text))})
	w.must("the policy is put", err)
	got, err := w.GetPolicy(w, &acmpca.GetPolicyInput{ResourceArn: arn})
	w.must("the policy is read", err)
	var put, read any
	w.must("the policy that was put is JSON", json.Unmarshal(text, &put))
	w.must("the policy that was read is JSON", json.Unmarshal([]byte(*got.Policy), &read))
	w.check("the policy is the one that was put", fmt.Sprint(put) == fmt.Sprint(read), *got.Policy)
	_, err = w.PutPolicy(w, &acmpca.PutPolicyInput{
		ResourceArn: arn, Policy: aws.String(`{"Version": "2012-10-17", "Statement": []}`),
	})
	refused[*types.InvalidPolicyException](w, "a policy has AWS's form", err)
	_, err = w.DeletePolicy(w, &acmpca.DeletePolicyInput{ResourceArn: arn})
	w.must("the policy is deleted", err)
	_, err = w.GetPolicy(w, &acmpca.GetPolicyInput{ResourceArn: arn})
	refused[*types.ResourceNotFoundException](w, "a deleted policy is gone", err)
}

// states disables, enables, deletes and restores a CA.
func states(w *walk) {
	arn := w.root("Go states")
	_, err := w.DeleteCertificateAuthority(w, &acmpca.DeleteCertificateAuthorityInput{CertificateAuthorityArn: arn})
	refused[*types.InvalidStateException](w, "an active CA can't be deleted", err)
	w.setStatus(arn, types.CertificateAuthorityStatusDisabled)
	_, err = w.IssueCertificate(w, request(arn, w.newCSR("leaf")))
	refused[*types.InvalidStateException](w, "a disabled CA issues nothing", err)
	w.setStatus(arn, types.CertificateAuthorityStatusActive)
	w.issue(arn, w.newCSR("leaf"))
	w.setStatus(arn, types.CertificateAuthorityStatusDisabled)
	_, err = w.DeleteCertificateAuthority(w, &acmpca.DeleteCertificateAuthorityInput{
		CertificateAuthorityArn: arn, PermanentDeletionTimeInDays: aws.Int32(7),
	})
	w.must("the CA is deleted", err)
	w.hasStatus(arn, types.CertificateAuthorityStatusDeleted)
	until := w.describe(arn).RestorableUntil
	w.check("the CA can be restored for 7 days", until != nil && time.Until(*until).Round(time.Hour) == 7*24*time.Hour, until)
	_, err = w.GetCertificateAuthorityCsr(w, &acmpca.GetCertificateAuthorityCsrInput{CertificateAuthorityArn: arn})
	refused[*types.InvalidStateException](w, "a deleted CA gives out no CSR", err)
	_, err = w.RestoreCertificateAuthority(w, &acmpca.RestoreCertificateAuthorityInput{CertificateAuthorityArn: arn})
	w.must("the CA is restored", err)
	w.hasStatus(arn, types.CertificateAuthorityStatusDisabled)
	w.setStatus(arn, types.CertificateAuthorityStatusActive)
}

func (w *walk) setStatus(arn *string, status types.CertificateAuthorityStatus) {
	_, err := w.UpdateCertificateAuthority(w, &acmpca.UpdateCertificateAuthorityInput{
		CertificateAuthorityArn: arn, Status: status,
	})
	w.must("the status is changed", err)
	w.hasStatus(arn, status)
}
