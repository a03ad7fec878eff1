package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"net/url"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/acmpca"
	"github.com/aws/aws-sdk-go-v2/service/acmpca/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// newRequest returns a key and a CSR.
func (w *walk) newRequest(asked *x509.CertificateRequest) (*ecdsa.PrivateKey, []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must("a key is generated", err)
	der, err := x509.CreateCertificateRequest(rand.Reader, asked, key)
	w.must("a CSR is created", err)
	return key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// newCSR returns a CSR for a name.
func (w *walk) newCSR(name string) []byte {
	_, csr := w.newRequest(&x509.CertificateRequest{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}})
	return csr
}

// life creates a root, gives it its certificate, and issues a certificate with it.
func life(w *walk) {
	before := time.Now().Add(-time.Minute)
	arn := w.create("Go root", types.CertificateAuthorityTypeRoot)
	w.hasStatus(arn, types.CertificateAuthorityStatusPendingCertificate)
	_, err := w.GetCertificateAuthorityCertificate(w, &acmpca.GetCertificateAuthorityCertificateInput{
		CertificateAuthorityArn: arn,
	})
	refused[*types.InvalidStateException](w, "a CA that waits has no certificate", err)

	block, _ := pem.Decode(w.csr(arn))
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	w.must("Go parses the CSR of the CA", err)
	w.check("the CA has signed its CSR", csr.CheckSignature() == nil, csr.CheckSignature())
	w.check("the CSR has the subject of the CA", csr.Subject.String() == "CN=Go root,O=Example Corp", csr.Subject)

	own := w.get(arn, w.issue(arn, w.csr(arn), withTemplate("RootCACertificate/V1"), lasting(types.ValidityPeriodTypeYears, 10)))
	w.check("the root's certificate has no chain", own.CertificateChain == nil, aws.ToString(own.CertificateChain))
	root := w.parse(own.Certificate)
	w.check("the root has signed itself", root.CheckSignatureFrom(root) == nil, root.CheckSignatureFrom(root))
	w.hasStatus(arn, types.CertificateAuthorityStatusPendingCertificate)
	_, err = w.ImportCertificateAuthorityCertificate(w, &acmpca.ImportCertificateAuthorityCertificateInput{
		CertificateAuthorityArn: arn,
		Certificate:             []byte(*own.Certificate),
	})
	w.must("the root's certificate is imported", err)
	w.hasStatus(arn, types.CertificateAuthorityStatusActive)
	w.hasTimes(arn, root, before)
	imported, err := w.GetCertificateAuthorityCertificate(w, &acmpca.GetCertificateAuthorityCertificateInput{
		CertificateAuthorityArn: arn,
	})
	w.must("the CA's certificate is fetched", err)
	w.check("the CA has the imported certificate", *imported.Certificate == *own.Certificate, *imported.Certificate)
	w.answers(arn)
	w.endEntity(arn, root)
}

// hasTimes checks the times in the description of a CA, which are in the protocol's form for timestamps.
func (w *walk) hasTimes(arn *string, own *x509.Certificate, before time.Time) {
	found := w.describe(arn)
	now := time.Now().Add(time.Minute)
	w.check("the CA was created just now", found.CreatedAt.After(before) && found.CreatedAt.Before(now), found.CreatedAt)
	w.check("the CA was changed after that", !found.LastStateChangeAt.Before(*found.CreatedAt), found.LastStateChangeAt)
	w.check("NotBefore is the certificate's", found.NotBefore.Equal(own.NotBefore), found.NotBefore)
	w.check("NotAfter is the certificate's", found.NotAfter.Equal(own.NotAfter), found.NotAfter)
	w.check("the serial number is the certificate's, in decimal", *found.Serial == own.SerialNumber.String(), *found.Serial)
	w.check("nothing can be restored", found.RestorableUntil == nil, found.RestorableUntil)
}

// answers checks what the SDK knows of an answer besides its content.
func (w *walk) answers(arn *string) {
	got, err := w.DescribeCertificateAuthority(w, &acmpca.DescribeCertificateAuthorityInput{CertificateAuthorityArn: arn})
	w.must("the CA is described", err)
	raw := awsmiddleware.GetRawResponse(got.ResultMetadata).(*smithyhttp.Response)
	expected := map[string]string{"json": "application/x-amz-json-1.1", "cbor": "application/cbor"}[w.protocol]
	w.check("the answer is in the protocol of the request", raw.Header.Get("Content-Type") == expected, raw.Header)
	id, found := awsmiddleware.GetRequestIDMetadata(got.ResultMetadata)
	w.check("the answer has an ID", found && id != "", id)
}

// endEntity issues a certificate with the default template and lets crypto/x509 judge it.
func (w *walk) endEntity(arn *string, root *x509.Certificate) {
	key, csr := w.newRequest(&x509.CertificateRequest{
		Subject:  pkix.Name{CommonName: "leaf", Organization: []string{"Example Corp"}},
		DNSNames: []string{"leaf.example.com"},
	})
	got := w.get(arn, w.issue(arn, csr, lasting(types.ValidityPeriodTypeAbsolute, time.Now().Add(time.Hour).Unix())))
	leaf := w.parse(got.Certificate)
	w.check("the chain is the root", w.parse(got.CertificateChain).Equal(root), *got.CertificateChain)
	roots := x509.NewCertPool()
	roots.AddCert(root)
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "leaf.example.com", KeyUsages: []x509.ExtKeyUsage{usage}})
		w.check("Go verifies the certificate", err == nil, err)
	}
	w.check("the key is that of the CSR", key.PublicKey.Equal(leaf.PublicKey), leaf.PublicKey)
	w.check("the subject is that of the CSR", leaf.Subject.String() == "CN=leaf,O=Example Corp", leaf.Subject)
	w.check("it is no CA", leaf.BasicConstraintsValid && !leaf.IsCA, leaf.IsCA)
	w.check("its key usage is that of the template",
		leaf.KeyUsage == x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment, leaf.KeyUsage)
	usages := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	w.check("its extended key usages are those of the template", slices.Equal(leaf.ExtKeyUsage, usages), leaf.ExtKeyUsage)
	w.check("its authority key identifier is the root's", bytes.Equal(leaf.AuthorityKeyId, root.SubjectKeyId), leaf.AuthorityKeyId)
	w.check("it has no critical extension that Go does not know",
		len(leaf.UnhandledCriticalExtensions) == 0, leaf.UnhandledCriticalExtensions)
}

// names issues a certificate without a subject, for every kind of name that Go can ask for.
func names(w *walk) {
	arn := w.root("Go names")
	spiffe, err := url.Parse("spiffe://default/backend")
	w.must("the SPIFFE ID is a URL", err)
	asked := &x509.CertificateRequest{
		DNSNames:       []string{"*.example.com"},
		EmailAddresses: []string{"leaf@example.com"},
		IPAddresses:    []net.IP{net.IPv4(127, 0, 0, 1).To4(), net.IPv6loopback},
		URIs:           []*url.URL{spiffe},
	}
	_, csr := w.newRequest(asked)
	// Go marks the SAN of a certificate without a subject critical, but not that of a CSR.
	_, err = w.IssueCertificate(w, request(arn, csr))
	refused[*types.MalformedCSRException](w, "an empty subject needs a critical SAN", err)
	asked.Subject.CommonName = "names"
	_, csr = w.newRequest(asked)
	leaf := w.parse(w.get(arn, w.issue(arn, csr)).Certificate)
	w.check("the DNS names are those of the CSR", slices.Equal(leaf.DNSNames, asked.DNSNames), leaf.DNSNames)
	w.check("the addresses are those of the CSR",
		slices.EqualFunc(leaf.IPAddresses, asked.IPAddresses, net.IP.Equal), leaf.IPAddresses)
	w.check("the e-mail addresses are those of the CSR",
		slices.Equal(leaf.EmailAddresses, asked.EmailAddresses), leaf.EmailAddresses)
	w.check("the URIs are those of the CSR", len(leaf.URIs) == 1 && *leaf.URIs[0] == *spiffe, leaf.URIs)
}

// hierarchy issues with a CA of RSA below a root of ECDSA.
func hierarchy(w *walk) {
	top := w.root("Go top")
	arn := w.create("Go issuing", types.CertificateAuthorityTypeSubordinate, func(input *acmpca.CreateCertificateAuthorityInput) {
		input.CertificateAuthorityConfiguration.KeyAlgorithm = types.KeyAlgorithmRsa2048
		input.CertificateAuthorityConfiguration.SigningAlgorithm = types.SigningAlgorithmSha256withrsa
	})
	own := w.get(top, w.issue(top, w.csr(arn), withTemplate("SubordinateCACertificate_PathLen0/V1"), lasting(types.ValidityPeriodTypeYears, 5)))
	_, err := w.ImportCertificateAuthorityCertificate(w, &acmpca.ImportCertificateAuthorityCertificateInput{
		CertificateAuthorityArn: arn,
		Certificate:             []byte(*own.Certificate),
	})
	refused[*types.InvalidRequestException](w, "a CA below another needs its chain", err)
	_, err = w.ImportCertificateAuthorityCertificate(w, &acmpca.ImportCertificateAuthorityCertificateInput{
		CertificateAuthorityArn: arn,
		Certificate:             []byte(*own.Certificate),
		CertificateChain:        []byte(*own.CertificateChain),
	})
	w.must("the certificate is imported with its chain", err)
	w.hasStatus(arn, types.CertificateAuthorityStatusActive)

	signed := func(input *acmpca.IssueCertificateInput) {
		input.SigningAlgorithm = types.SigningAlgorithmSha256withrsa
	}
	got := w.get(arn, w.issue(arn, w.newCSR("leaf.example.com"), signed))
	leaf, roots, between := w.parse(got.Certificate), x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(w.parse(own.CertificateChain))
	between.AppendCertsFromPEM([]byte(*own.Certificate))
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: "leaf.example.com"})
	w.check("Go verifies the certificate through both CAs", err == nil && len(chains) == 1 && len(chains[0]) == 3, err)
	issuing := w.parse(own.Certificate)
	w.check("the issuing CA may have no CA below it", issuing.IsCA && issuing.MaxPathLenZero, issuing.MaxPathLen)
	w.check("the chain has the issuing CA first, then the root",
		*got.CertificateChain == *own.Certificate+"\n"+*own.CertificateChain, *got.CertificateChain)
}
