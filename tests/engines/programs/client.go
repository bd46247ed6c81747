// Ask Go for every line of standard input: id, URL, roots in base64; see ../asking.py.
// net/http as any program would use it, with these roots as its only trust.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Println(runtime.Version())
		return
	}
	proxy := &url.URL{Scheme: "http", Host: "127.0.0.1:" + os.Args[1]}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		err := ask(fields[1], fields[2], proxy)
		if err == nil {
			fmt.Printf("%s\tyes\t\n", fields[0])
		} else {
			fmt.Printf("%s\tno\t%s\n", fields[0], strings.Join(strings.Fields(err.Error()), " "))
		}
	}
}

func ask(target, roots string, proxy *url.URL) error {
	pool := x509.NewCertPool()
	for _, root := range strings.Split(roots, ",") {
		der, err := base64.StdEncoding.DecodeString(root)
		if err != nil {
			return err
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		pool.AddCert(certificate)
	}
	transport := &http.Transport{
		Proxy:             http.ProxyURL(proxy),
		TLSClientConfig:   &tls.Config{RootCAs: pool},
		DisableKeepAlives: true,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 15 * time.Second}
	response, err := client.Get(target)
	if err != nil {
		return err
	}
	return response.Body.Close()
}
