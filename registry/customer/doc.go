// Package customer says what a company writes down of its customers: record types and their fields, as the configuration
// declares them, and how a value is read, compared and masked. It is pure: where customers are kept is package registry's.
package customer
