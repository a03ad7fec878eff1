package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acmpca"
	"github.com/aws/aws-sdk-go-v2/service/acmpca/types"
)

// publishing revokes a certificate, and reads the CRL and the audit report of the CA. Its argument is a bucket.
func publishing(w *walk) {
	bucket := &w.arguments[0]
	arn := w.root("Go publishing", func(input *acmpca.CreateCertificateAuthorityInput) {
		input.RevocationConfiguration = &types.RevocationConfiguration{CrlConfiguration: &types.CrlConfiguration{
			Enabled: aws.Bool(true), ExpirationInDays: aws.Int32(7), S3BucketName: bucket, S3ObjectAcl: types.S3ObjectAclPublicRead}}
	})
	got := w.get(arn, w.issue(arn, w.newCSR("revoked.example.com")))
	leaf, root := w.parse(got.Certificate), w.parse(got.CertificateChain)
	w.check("nothing is revoked", len(w.crl(leaf, root)) == 0, leaf.CRLDistributionPoints)
	revoked := &acmpca.RevokeCertificateInput{
		CertificateAuthorityArn: arn,
		CertificateSerial:       aws.String(colons(leaf.SerialNumber.Bytes())),
		RevocationReason:        types.RevocationReasonKeyCompromise,
	}
	_, err := w.RevokeCertificate(w, revoked)
	w.must("the certificate is revoked", err)
	_, err = w.RevokeCertificate(w, revoked)
	refused[*types.RequestAlreadyProcessedException](w, "a certificate is revoked once", err)
	revoked.CertificateSerial = aws.String("00:01")
	_, err = w.RevokeCertificate(w, revoked)
	refused[*types.ResourceNotFoundException](w, "a certificate of another CA is not found", err)
	entries := w.crl(leaf, root)
	// RFC 5280, 5.3.1: keyCompromise is 1.
	w.check("the CRL has the certificate and the reason",
		len(entries) == 1 && entries[0].SerialNumber.Cmp(leaf.SerialNumber) == 0 && entries[0].ReasonCode == 1, entries)
	w.auditReport(arn, bucket)
}

func (w *walk) auditReport(arn, bucket *string) {
	asked := &acmpca.CreateCertificateAuthorityAuditReportInput{
		CertificateAuthorityArn: arn, S3BucketName: bucket, AuditReportResponseFormat: types.AuditReportResponseFormatJson}
	made, err := w.CreateCertificateAuthorityAuditReport(w, asked)
	w.must("an audit report is created", err)
	waiter := acmpca.NewAuditReportCreatedWaiter(w, func(o *acmpca.AuditReportCreatedWaiterOptions) {
		o.MinDelay, o.MaxDelay = 100*time.Millisecond, time.Second
	})
	described := &acmpca.DescribeCertificateAuthorityAuditReportInput{CertificateAuthorityArn: arn, AuditReportId: made.AuditReportId}
	report, err := waiter.WaitForOutput(w, described, patience)
	w.must("the audit report is there", err)
	w.check("the audit report is where it was announced",
		*report.S3Key == *made.S3Key && *report.S3BucketName == *bucket, *report.S3Key)
	w.check("the audit report was created just now", time.Since(*report.CreatedAt).Abs() < time.Hour, report.CreatedAt)
	_, err = w.CreateCertificateAuthorityAuditReport(w, asked)
	refused[*types.RequestFailedException](w, "an audit report takes half an hour", err)
	asked.S3BucketName = aws.String("no-such-bucket-of-ours")
	_, err = w.CreateCertificateAuthorityAuditReport(w, asked)
	refused[*types.InvalidArgsException](w, "the bucket must be there", err)
}

// crl downloads the CRL from the URL in a certificate and returns its entries.
func (w *walk) crl(leaf, issuer *x509.Certificate) []x509.RevocationListEntry {
	endpoint, err := url.Parse(os.Getenv("AWS_ENDPOINT_URL"))
	w.must("the endpoint is a URL", err)
	// Every name is an address of the sandbox, as if DNS said so.
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, endpoint.Host)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial}}
	w.check("the certificate says where its CRL is", len(leaf.CRLDistributionPoints) == 1, leaf.CRLDistributionPoints)
	answer, err := client.Get(leaf.CRLDistributionPoints[0])
	w.must("the CRL is downloaded", err)
	defer answer.Body.Close()
	der, err := io.ReadAll(answer.Body)
	w.must("the CRL is read", err)
	list, err := x509.ParseRevocationList(der)
	w.must("Go parses the CRL", err)
	err = list.CheckSignatureFrom(issuer)
	w.check("the CA has signed the CRL", err == nil, err)
	w.check("the CRL counts for 7 days",
		list.NextUpdate.After(time.Now()) && list.NextUpdate.Before(time.Now().Add(8*24*time.Hour)), list.NextUpdate)
	return list.RevokedCertificateEntries
}

// colons writes bytes in hexadecimal, with colons between them.
func colons(bytes []byte) string {
	return strings.ReplaceAll(fmt.Sprintf("% x", bytes), " ", ":")
}
