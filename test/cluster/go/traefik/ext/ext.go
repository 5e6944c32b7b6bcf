// Package ext holds Traefik's extension points for its dynamic configuration. This build extends nothing.
package ext

type HTTP struct{}

type Router struct{}
