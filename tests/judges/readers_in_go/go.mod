module judges/golang

// The language version also sets what crypto/x509 accepts: since 1.23 no negative serial numbers, as in a current
// control plane.
go 1.24
