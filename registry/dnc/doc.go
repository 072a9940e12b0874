// Package dnc keeps bulk do-not-call lists: it reads them from files, compiles them to exact compressed sets, keeps
// those in Redis as versions of which one is current, brings the current ones into each gate's memory and looks
// numbers up there, so that a call asks no network.
//
//	file ── Read ──▶ Set ── Store.Load ──▶ chunks + manifest in Redis ── Watcher ──▶ Set ── Listed
//
// It knows gate's numbers and nothing of calls. Single numbers that the company lists itself are not here: the
// registry's script finds those with the call.
package dnc
