package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/acmpca"
	"github.com/aws/aws-sdk-go-v2/service/acmpca/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// refusals checks that the SDK recognizes each error.
func refusals(w *walk) {
	arn := w.root("Go refusals")
	unknown := aws.String((*arn)[:len(*arn)-12] + "000000000000")
	_, err := w.DescribeCertificateAuthority(w, &acmpca.DescribeCertificateAuthorityInput{CertificateAuthorityArn: unknown})
	refused[*types.ResourceNotFoundException](w, "an unknown CA is not found", err)
	w.describesError(err)
	_, err = w.DescribeCertificateAuthority(w, &acmpca.DescribeCertificateAuthorityInput{
		CertificateAuthorityArn: aws.String("unknown"),
	})
	w.refusedAs("what is no ARN breaks the model's pattern", "ValidationException", err)
	_, err = w.GetCertificate(w, &acmpca.GetCertificateInput{
		CertificateAuthorityArn: arn, CertificateArn: aws.String(*unknown + "/certificate/0123456789abcdef0123456789abcdef"),
	})
	refused[*types.InvalidArnException](w, "the certificate must be one of the CA", err)
	_, err = w.GetCertificate(w, &acmpca.GetCertificateInput{
		CertificateAuthorityArn: arn, CertificateArn: aws.String(*arn + "/certificate/0123456789abcdef0123456789abcdef"),
	})
	refused[*types.ResourceNotFoundException](w, "an unknown certificate is not found", err)
	w.issuanceRefusals(arn)
	w.settingRefusals(arn)
}

// describesError checks what the SDK knows of an error besides its type.
func (w *walk) describesError(err error) {
	answer, _ := errors.AsType[*awshttp.ResponseError](err)
	w.check("the error has status 400", answer != nil && answer.HTTPStatusCode() == 400, err)
	w.check("the error has an ID of its request", answer != nil && answer.RequestID != "", err)
	refusal, _ := errors.AsType[smithy.APIError](err)
	w.check("the client is at fault", refusal != nil && refusal.ErrorFault() == smithy.FaultClient, err)
	w.check("the error has a message", refusal != nil && strings.Contains(refusal.ErrorMessage(), "Could not find"), err)
}

func (w *walk) issuanceRefusals(arn *string) {
	csr := w.newCSR("leaf")
	_, err := w.IssueCertificate(w, request(arn, []byte("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n")))
	refused[*types.MalformedCSRException](w, "the CSR must be readable", err)
	_, err = w.IssueCertificate(w, request(arn, csr, withTemplate("NoSuchCertificate/V1")))
	refused[*types.InvalidArgsException](w, "the template must be one of AWS's", err)
	_, err = w.IssueCertificate(w, request(arn, csr, func(input *acmpca.IssueCertificateInput) {
		input.TemplateArn = aws.String("arn:aws:acm-pca:::certificate/EndEntityCertificate/V1")
	}))
	refused[*types.InvalidArnException](w, "the template's ARN must be a template's", err)
	_, err = w.IssueCertificate(w, request(arn, csr, func(input *acmpca.IssueCertificateInput) {
		input.SigningAlgorithm = types.SigningAlgorithmSha256withrsa
	}))
	refused[*types.InvalidArgsException](w, "the signing algorithm must be of the CA's family", err)
	_, err = w.IssueCertificate(w, request(arn, csr, lasting(types.ValidityPeriodTypeYears, 20)))
	w.refusedAs("a certificate can't outlive its CA", "ValidationException", err)
	_, err = w.IssueCertificate(w, request(arn, csr, lasting(types.ValidityPeriodTypeDays, 0)))
	w.refusedAs("a validity is 1 at least", "ValidationException", err)
	pending := w.create("Go pending", types.CertificateAuthorityTypeRoot)
	_, err = w.IssueCertificate(w, request(pending, csr))
	refused[*types.InvalidStateException](w, "a CA that waits issues nothing", err)
	own := w.get(arn, w.issue(arn, csr))
	_, err = w.ImportCertificateAuthorityCertificate(w, &acmpca.ImportCertificateAuthorityCertificateInput{
		CertificateAuthorityArn: pending, Certificate: []byte(*own.CertificateChain)})
	refused[*types.CertificateMismatchException](w, "the certificate must have the CA's key", err)
}

func (w *walk) settingRefusals(arn *string) {
	_, err := w.UpdateCertificateAuthority(w, &acmpca.UpdateCertificateAuthorityInput{CertificateAuthorityArn: arn})
	w.refusedAs("an update must change something", "ValidationException", err)
	_, err = w.UpdateCertificateAuthority(w, &acmpca.UpdateCertificateAuthorityInput{
		CertificateAuthorityArn: arn, Status: types.CertificateAuthorityStatusExpired})
	refused[*types.InvalidArgsException](w, "the status can be ACTIVE or DISABLED", err)
	_, err = w.RestoreCertificateAuthority(w, &acmpca.RestoreCertificateAuthorityInput{CertificateAuthorityArn: arn})
	refused[*types.InvalidStateException](w, "an active CA can't be restored", err)
	var tags []types.Tag
	for number := range 51 {
		tags = append(tags, types.Tag{Key: aws.String(fmt.Sprint("key-", number))})
	}
	_, err = w.TagCertificateAuthority(w, &acmpca.TagCertificateAuthorityInput{CertificateAuthorityArn: arn, Tags: tags[:30]})
	w.must("the CA is tagged", err)
	_, err = w.TagCertificateAuthority(w, &acmpca.TagCertificateAuthorityInput{CertificateAuthorityArn: arn, Tags: tags[21:]})
	refused[*types.TooManyTagsException](w, "a CA has 50 tags at most", err)
}

// access takes a role that may describe CAs, and tries more than that. Its argument is the role.
func access(w *walk) {
	arn := w.root("Go access")
	taken := aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(w.config), w.arguments[0]))
	role := w.client(func(o *acmpca.Options) { o.Credentials = taken })
	_, err := role.DescribeCertificateAuthority(w, &acmpca.DescribeCertificateAuthorityInput{CertificateAuthorityArn: arn})
	w.must("the role describes the CA", err)
	_, err = role.IssueCertificate(w, request(arn, w.newCSR("leaf")))
	w.refusedAs("the role can't issue", "AccessDeniedException", err)
	waiter := acmpca.NewCertificateIssuedWaiter(role)
	err = waiter.Wait(w, &acmpca.GetCertificateInput{
		CertificateAuthorityArn: arn, CertificateArn: w.issue(arn, w.newCSR("leaf")),
	}, patience)
	w.check("the waiter gives up when access is denied", err != nil && strings.Contains(err.Error(), "Failure"), err)

	identity, err := sts.NewFromConfig(w.config, func(o *sts.Options) { o.Credentials = taken }).GetCallerIdentity(w, &sts.GetCallerIdentityInput{})
	w.must("STS says who the role is", err)
	name := w.arguments[0][strings.LastIndex(w.arguments[0], "/"):]
	w.check("the role is the one that was taken", strings.Contains(*identity.Arn, ":assumed-role"+name+"/"), *identity.Arn)
	_, err = stscreds.NewAssumeRoleProvider(sts.NewFromConfig(w.config), w.arguments[0]+"-unknown").Retrieve(w)
	w.refusedAs("an unknown role can't be taken", "AccessDenied", err)

	stranger := w.client(func(o *acmpca.Options) {
		o.Credentials = credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", "")
	})
	_, err = stranger.ListCertificateAuthorities(w, &acmpca.ListCertificateAuthoritiesInput{})
	w.refusedAs("an unknown access key is refused", "UnrecognizedClientException", err)
}
