package main

import (
	"net/http"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/acmpca"
)

// issueOnce issues one certificate while the sandbox does something wrong on purpose. Its argument is a CA.
func issueOnce(w *walk) {
	w.issueWith(w.Client)
}

// loseAnswer issues a certificate and loses the first answer, after the certificate was issued. Its argument is a CA.
func loseAnswer(w *walk) {
	lossy := &http.Client{Transport: &losing{}}
	w.issueWith(w.client(func(o *acmpca.Options) { o.HTTPClient = lossy }))
}

// issueWith prints the ARN of the certificate, the code of each attempt's error, and the code of the last error.
func (w *walk) issueWith(client *acmpca.Client) {
	asked := request(&w.arguments[0], w.newCSR("leaf"))
	asked.IdempotencyToken = aws.String("once")
	issued, err := client.IssueCertificate(w, asked)
	if err != nil {
		w.check("refused", true, code(err))
		return
	}
	attempts, _ := retry.GetAttemptResults(issued.ResultMetadata)
	var codes []string
	for _, attempt := range attempts.Results {
		if attempt.Err != nil {
			codes = append(codes, code(attempt.Err))
		}
	}
	w.check("attempts", true, len(attempts.Results))
	w.check("errors", true, strings.Join(codes, " "))
	w.check("certificate", true, *issued.CertificateArn)
}

// losing loses the first answer.
type losing struct {
	lost bool
}

func (l *losing) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err == nil && !l.lost {
		l.lost = true
		answer.Body.Close()
		return nil, syscall.ECONNRESET
	}
	return answer, err
}
