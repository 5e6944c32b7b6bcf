package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const certificateLifetime = 10 * 365 * 24 * time.Hour

// certificateRequest describes one key pair. Without a signer it is a certificate authority of its own.
type certificateRequest struct {
	Name         string   `json:"name"`
	CommonName   string   `json:"commonName"`
	Organization []string `json:"organization"`
	Signer       string   `json:"signer"`
	Addresses    []string `json:"addresses"`
	Names        []string `json:"names"`
}

type keyPair struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// runCertificates reads certificate requests as a JSON array from standard input and writes NAME.crt and NAME.key of
// each into the folder that the first argument names. A signer comes before those that it signs.
func runCertificates() int {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: node-certificates FOLDER < requests.json")
		return 64
	}
	var requests []certificateRequest
	if err := json.NewDecoder(os.Stdin).Decode(&requests); err != nil {
		return fail("requests", err)
	}
	made := map[string]keyPair{}
	for _, request := range requests {
		pair, der, err := certify(request, made)
		if err == nil {
			err = writeKeyPair(os.Args[1], request.Name, pair.key, der)
		}
		if err != nil {
			return fail(request.Name, err)
		}
		made[request.Name] = pair
	}
	return 0
}

func certify(request certificateRequest, made map[string]keyPair) (keyPair, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return keyPair{}, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return keyPair{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: request.CommonName, Organization: request.Organization},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(certificateLifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		DNSNames:              request.Names,
		BasicConstraintsValid: true,
	}
	for _, address := range request.Addresses {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(address))
	}
	signer := keyPair{certificate: template, key: key}
	if request.Signer == "" {
		template.IsCA = true
		template.KeyUsage |= x509.KeyUsageCertSign
		template.ExtKeyUsage = nil
	} else if pair, known := made[request.Signer]; known {
		signer = pair
	} else {
		return keyPair{}, nil, fmt.Errorf("unknown signer %q", request.Signer)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer.certificate, &key.PublicKey, signer.key)
	if err != nil {
		return keyPair{}, nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return keyPair{certificate: certificate, key: key}, der, err
}

func writeKeyPair(folder, name string, key *ecdsa.PrivateKey, der []byte) error {
	keyDer, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(filepath.Join(folder, name+".crt"), certificate, 0o644); err != nil {
		return err
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDer})
	return os.WriteFile(filepath.Join(folder, name+".key"), private, 0o600)
}
