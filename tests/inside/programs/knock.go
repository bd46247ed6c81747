// knock ADDRESS NAME ROOT: new TLS connections, one after the other, until standard input ends.
//
// Versions 1.2 and 1.3 take turns, with and without sessions of before; the name is sent (SNI),
// or nothing where it is an address. One JSON document a line tells of each.
package main

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

type knock struct {
	Began   float64 `json:"began"`
	Ended   float64 `json:"ended"`
	How     string  `json:"how"`
	Resumed bool    `json:"resumed"`
	Leaf    string  `json:"leaf"`
	Trouble string  `json:"trouble"`
}

func now() float64 { return float64(time.Now().UnixNano()) / 1e9 }

func once(address string, config *tls.Config, told *knock) error {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	connection, err := tls.DialWithDialer(dialer, "tcp", address, config)
	if err != nil {
		return err
	}
	defer connection.Close()
	told.Ended = now()
	state := connection.ConnectionState()
	told.Resumed = state.DidResume
	sum := sha256.Sum256(state.PeerCertificates[0].Raw)
	told.Leaf = hex.EncodeToString(sum[:])
	connection.SetDeadline(time.Now().Add(10 * time.Second))
	// The answer is read because with it come the tickets of TLS 1.3.
	fmt.Fprintf(connection, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", config.ServerName)
	_, err = io.Copy(io.Discard, connection)
	return err
}

func main() {
	address, name := os.Args[1], os.Args[2]
	pem, err := os.ReadFile(os.Args[3])
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	go func() {
		bufio.NewReader(os.Stdin).ReadString(0)
		os.Exit(0)
	}()
	versions := []uint16{tls.VersionTLS12, tls.VersionTLS13}
	kept := []tls.ClientSessionCache{tls.NewLRUClientSessionCache(8), tls.NewLRUClientSessionCache(8)}
	out := json.NewEncoder(os.Stdout)
	for turn := 0; ; turn++ {
		version := turn % 2
		config := &tls.Config{
			RootCAs: roots, ServerName: name, MinVersion: versions[version], MaxVersion: versions[version],
		}
		told := knock{How: fmt.Sprintf("Go, TLS 1.%d", 2+version)}
		if turn%4 >= 2 {
			config.ClientSessionCache = kept[version]
			told.How += ", sessions"
		}
		told.Began = now()
		if err := once(address, config, &told); err != nil {
			told.Trouble = err.Error()
		}
		out.Encode(told)
		time.Sleep(20 * time.Millisecond)
	}
}
