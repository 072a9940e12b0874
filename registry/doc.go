// Package registry is what the company knows, kept in Redis: who owns a number, who refused, who is ringing it now, and
// the record of every decision. It implements gate.Registry and the operator's commands.
//
// It sees a call as plain strings (number, rep, Call-ID, From-tag) and never as SIP. It holds state, never policy: every
// duration arrives with the question, in gate.Terms. Time is the server's TIME, so gates with wrong clocks agree.
//
// Read keys.go for what is stored, scripts/decide.lua for the order of the rules, record.go for what is written down.
package registry
