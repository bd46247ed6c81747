// Ask Go about a list: crl.go LIST ISSUER CERTIFICATE..., all DER. crypto/x509 verifies the list's
// own signature; to compare serial numbers is left to the caller, so that is done here.
package main

import (
	"crypto/x509"
	"fmt"
	"os"
)

func main() {
	list, err := x509.ParseRevocationList(read(os.Args[1]))
	if err != nil {
		fmt.Println("unreadable:", err)
		return
	}
	issuer, err := x509.ParseCertificate(read(os.Args[2]))
	if err != nil {
		panic(err)
	}
	if err := list.CheckSignatureFrom(issuer); err != nil {
		fmt.Println("not signed:", err)
		return
	}
	fmt.Println("signed, number", list.Number)
	for _, name := range os.Args[3:] {
		certificate, err := x509.ParseCertificate(read(name))
		if err != nil {
			panic(err)
		}
		word := "good"
		for _, entry := range list.RevokedCertificates {
			if entry.SerialNumber.Cmp(certificate.SerialNumber) == 0 {
				word = "revoked"
			}
		}
		fmt.Println(word)
	}
}

func read(name string) []byte {
	data, err := os.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return data
}
