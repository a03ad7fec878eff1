package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acmpca"
	"github.com/aws/aws-sdk-go-v2/service/acmpca/types"
)

const (
	template     = "arn:aws:acm-pca:::template/"
	rootTemplate = template + "RootCACertificate/V1"
)

// create creates a CA and waits until it can be given a certificate.
func (w *walk) create(name string, kind types.CertificateAuthorityType, change ...func(*acmpca.CreateCertificateAuthorityInput)) *string {
	input := &acmpca.CreateCertificateAuthorityInput{
		CertificateAuthorityType: kind,
		CertificateAuthorityConfiguration: &types.CertificateAuthorityConfiguration{
			KeyAlgorithm:     types.KeyAlgorithmEcPrime256v1,
			SigningAlgorithm: types.SigningAlgorithmSha256withecdsa,
			Subject:          &types.ASN1Subject{CommonName: aws.String(name), Organization: aws.String("Example Corp")},
		},
	}
	for _, each := range change {
		each(input)
	}
	made, err := w.CreateCertificateAuthority(w, input)
	w.must("a CA is created", err)
	w.csr(made.CertificateAuthorityArn)
	return made.CertificateAuthorityArn
}

// csr waits for the CSR of a CA and returns it.
func (w *walk) csr(authority *string) []byte {
	waiter := acmpca.NewCertificateAuthorityCSRCreatedWaiter(w, func(o *acmpca.CertificateAuthorityCSRCreatedWaiterOptions) {
		o.MinDelay, o.MaxDelay = 100*time.Millisecond, time.Second
	})
	got, err := waiter.WaitForOutput(w, &acmpca.GetCertificateAuthorityCsrInput{CertificateAuthorityArn: authority}, patience)
	w.must("the CSR of the CA is created", err)
	return []byte(*got.Csr)
}

// root returns an active root CA.
func (w *walk) root(name string, change ...func(*acmpca.CreateCertificateAuthorityInput)) *string {
	arn := w.create(name, types.CertificateAuthorityTypeRoot, change...)
	own := w.get(arn, w.issue(arn, w.csr(arn), withTemplate("RootCACertificate/V1"), lasting(types.ValidityPeriodTypeYears, 10)))
	_, err := w.ImportCertificateAuthorityCertificate(w, &acmpca.ImportCertificateAuthorityCertificateInput{
		CertificateAuthorityArn: arn,
		Certificate:             []byte(*own.Certificate),
	})
	w.must("the root's certificate is imported", err)
	return arn
}

func withTemplate(name string) func(*acmpca.IssueCertificateInput) {
	return func(input *acmpca.IssueCertificateInput) { input.TemplateArn = aws.String(template + name) }
}

func lasting(kind types.ValidityPeriodType, value int64) func(*acmpca.IssueCertificateInput) {
	return func(input *acmpca.IssueCertificateInput) {
		input.Validity = &types.Validity{Type: kind, Value: aws.Int64(value)}
	}
}

// request returns the parameters of IssueCertificate: a day, and the default template.
func request(authority *string, csr []byte, change ...func(*acmpca.IssueCertificateInput)) *acmpca.IssueCertificateInput {
	input := &acmpca.IssueCertificateInput{
		CertificateAuthorityArn: authority,
		Csr:                     csr,
		SigningAlgorithm:        types.SigningAlgorithmSha256withecdsa,
		Validity:                &types.Validity{Type: types.ValidityPeriodTypeDays, Value: aws.Int64(1)},
	}
	for _, each := range change {
		each(input)
	}
	return input
}

// issue issues a certificate and returns its ARN.
func (w *walk) issue(authority *string, csr []byte, change ...func(*acmpca.IssueCertificateInput)) *string {
	issued, err := w.IssueCertificate(w, request(authority, csr, change...))
	w.must("a certificate is issued", err)
	return issued.CertificateArn
}

// get waits for a certificate and returns it with its chain.
func (w *walk) get(authority, certificate *string) *acmpca.GetCertificateOutput {
	waiter := acmpca.NewCertificateIssuedWaiter(w, func(o *acmpca.CertificateIssuedWaiterOptions) {
		o.MinDelay, o.MaxDelay = 100*time.Millisecond, time.Second
	})
	asked := &acmpca.GetCertificateInput{CertificateAuthorityArn: authority, CertificateArn: certificate}
	got, err := waiter.WaitForOutput(w, asked, patience)
	w.must("the certificate is fetched", err)
	return got
}

func (w *walk) describe(authority *string) *types.CertificateAuthority {
	described, err := w.DescribeCertificateAuthority(w, &acmpca.DescribeCertificateAuthorityInput{
		CertificateAuthorityArn: authority,
	})
	w.must("the CA is described", err)
	return described.CertificateAuthority
}

// hasStatus checks the status of a CA.
func (w *walk) hasStatus(authority *string, expected types.CertificateAuthorityStatus) {
	found := w.describe(authority).Status
	w.check("the CA is "+string(expected), found == expected, found)
}

// parse returns the only certificate of a PEM text.
func (w *walk) parse(text *string) *x509.Certificate {
	block, rest := pem.Decode([]byte(*text))
	if block == nil || len(rest) > 0 {
		w.must("the text is one PEM block", errors.New(*text))
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	w.must("Go parses the certificate", err)
	return certificate
}
