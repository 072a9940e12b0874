package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// packet is one UDP datagram over IPv4 in a capture.
type packet struct {
	at       float64 // µs since 1970
	from, to netip.AddrPort
	payload  []byte
}

// Magic numbers of a capture file (pcap-savefile(5)) as written on a little-endian machine, and its link type Ethernet,
// which Linux gives its loopback device.
const (
	microMagic   = 0xa1b2c3d4
	nanoMagic    = 0xa1b23c4d
	linkEthernet = 1
	fileHeader   = 24
	packetHeader = 16
)

// packets calls each for every UDP datagram of a capture, in order. The payload may be cut short.
func packets(capture []byte, each func(packet)) error {
	if len(capture) < fileHeader {
		return errors.New("not a capture: it has no header")
	}
	perMicro := 1.0
	switch magic := binary.LittleEndian.Uint32(capture); magic {
	case microMagic:
	case nanoMagic:
		perMicro = 1000
	default:
		return fmt.Errorf("not a pcap capture of this byte order: it begins with %#x", magic)
	}
	if link := binary.LittleEndian.Uint32(capture[20:]); link != linkEthernet {
		return fmt.Errorf("the capture's link type is %d, not Ethernet", link)
	}
	for rest := capture[fileHeader:]; len(rest) >= packetHeader; {
		seconds, fraction := binary.LittleEndian.Uint32(rest), binary.LittleEndian.Uint32(rest[4:])
		size := int(binary.LittleEndian.Uint32(rest[8:]))
		rest = rest[packetHeader:]
		if size > len(rest) {
			return nil // the writer was ended in the middle of a packet
		}
		if p, ok := udp(rest[:size]); ok {
			p.at = float64(seconds)*1e6 + float64(fraction)/perMicro
			each(p)
		}
		rest = rest[size:]
	}
	return nil
}

// udp takes an Ethernet frame apart; false when it holds no UDP over IPv4.
func udp(frame []byte) (p packet, ok bool) {
	const ethernet, ipv4, protocolUDP = 14, 0x0800, 17
	if len(frame) < ethernet+20 || binary.BigEndian.Uint16(frame[12:]) != ipv4 {
		return p, false
	}
	ip := frame[ethernet:]
	header := int(ip[0]&15) * 4 // in words of 32 bits
	if ip[9] != protocolUDP || len(ip) < header+8 {
		return p, false
	}
	datagram := ip[header:]
	p.from = netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[12:16])), binary.BigEndian.Uint16(datagram))
	p.to = netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[16:20])), binary.BigEndian.Uint16(datagram[2:]))
	p.payload = datagram[8:]
	return p, true
}
