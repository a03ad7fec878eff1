// Reads PEM texts and verifies certificates as a control plane written in Go does.
// It answers each JSON request on stdin with one line of JSON on stdout.
package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
)

type request struct {
	PEM                  []byte // the certificates to read, or the roots of Leaf
	Leaf                 []byte
	Key                  []byte // the private key of the first certificate
	Intermediates, Roots [][]byte
	Usage                string
}

type answer struct {
	Certificates []string `json:"certificates"`
	Blocks       []block  `json:"blocks"`
	Error        string   `json:"error"`
}

type block struct {
	Label   string            `json:"label"`
	Headers map[string]string `json:"headers"`
	Content []byte            `json:"content"`
}

var usages = map[string]x509.ExtKeyUsage{"server": x509.ExtKeyUsageServerAuth, "client": x509.ExtKeyUsageClientAuth}

func main() {
	requests, answers := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var asked request
		if requests.Decode(&asked) != nil {
			return // stdin is closed
		}
		given, err := answer{}, error(nil)
		if asked.Key != nil {
			_, err = tls.X509KeyPair(asked.PEM, asked.Key)
		} else if asked.Leaf == nil {
			given.Certificates, err = fingerprints(asked.PEM)
			given.Blocks = blocks(asked.PEM)
		} else {
			err = verify(asked)
		}
		if err != nil {
			given.Error = err.Error()
		}
		answers.Encode(given)
	}
}

// fingerprints lists what AppendCertsFromPEM takes, duplicates included.
func fingerprints(text []byte) ([]string, error) {
	taken, counted, found := x509.NewCertPool(), x509.NewCertPool(), []string{}
	taken.AppendCertsFromPEM(text)
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" || len(block.Headers) != 0 {
			continue
		}
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
			counted.AddCert(certificate)
			found = append(found, fmt.Sprintf("%x", sha256.Sum256(certificate.Raw)))
		}
	}
	if !taken.Equal(counted) {
		return nil, errors.New("AppendCertsFromPEM takes other certificates than those counted")
	}
	return found, nil
}

// blocks lists every PEM block, whatever its label.
func blocks(text []byte) []block {
	found := []block{}
	for read, rest := pem.Decode(text); read != nil; read, rest = pem.Decode(rest) {
		found = append(found, block{read.Type, read.Headers, read.Bytes})
	}
	return found
}

func verify(asked request) error {
	leaf, err := x509.ParseCertificate(asked.Leaf)
	if err != nil {
		return fmt.Errorf("leaf: %w", err)
	}
	intermediates, err := pool("intermediate", asked.Intermediates)
	if err != nil {
		return err
	}
	roots, err := pool("root", asked.Roots)
	if err != nil {
		return err
	}
	roots.AppendCertsFromPEM(asked.PEM)
	usage := []x509.ExtKeyUsage{usages[asked.Usage]}
	_, err = leaf.Verify(x509.VerifyOptions{Intermediates: intermediates, Roots: roots, KeyUsages: usage})
	return err
}

func pool(role string, certificates [][]byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for i, der := range certificates {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%s %d: %w", role, i+1, err)
		}
		pool.AddCert(certificate)
	}
	return pool, nil
}
