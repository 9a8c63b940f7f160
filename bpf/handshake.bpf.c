/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * Watches TCP handshakes at an interface's TC hook, matches them here in the kernel, and puts one event per handshake into a ring.
 *
 * Compiled by bcc, without kernel headers: whatever is read of a packet is declared below. Four programs, told apart by the side of
 * the hook (ingress, egress) and by whether the device's frames begin with an Ethernet header; one compile serves every interface.
 *
 * Every packet takes the quick look: a few loads, no call. Only what may belong to a handshake takes the full look.
 */
#include <uapi/linux/types.h>

#define INLINE static inline __attribute__((always_inline))

/* Under TCX a program that returns 0 (TC_ACT_OK) ends the chain; -1 (TCX_NEXT, and TC_ACT_UNSPEC under clsact) hands the packet on. */
#define NEXT_PROGRAM (-1)

#define ETH_TYPE_OFFSET 12
#define ETH_HEADER 14
#define ETH_IPV4 0x0800
#define ETH_IPV6 0x86dd
#define ETH_VLAN 0x8100
#define ETH_QINQ 0x88a8
#define VLAN_TAG 4
#define MAX_VLAN_TAGS 2

#define IPV4_HEADER 20
#define IPV4_MORE_OR_OFFSET 0x3fff
#define IPV4_OFFSET 0x1fff
#define IPV6_HEADER 40
#define IPV6_OFFSET 0xfff8
#define MAX_EXTENSION_HEADERS 8

#define PROTO_HOP_BY_HOP 0
#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_ROUTING 43
#define PROTO_FRAGMENT 44
#define PROTO_ICMPV6 58
#define PROTO_DESTINATION 60

#define TCP_HEADER 20
#define TCP_PORTS_AND_SEQ 8
#define TCP_FLAGS_OFFSET 13
#define TCP_ACK_OFFSET 8
#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

#define ICMP_HEADER 8
#define ICMP_UNREACHABLE 3
#define ICMP_FRAGMENTATION_NEEDED 4
#define ICMPV6_UNREACHABLE 1

#define OUTBOUND 0
#define INBOUND 1

#define ESTABLISHED 0
#define REFUSED 1
#define UNREACHABLE 2

/* 4 MiB hold 37,449 records: 0.7 s of 50,000 handshakes a second. Each table takes about 8 MiB when full. */
#define RING_PAGES 1024
#define PENDING_MAX 65536
#define INTERFACES_MAX 1024
#define ACK_SLOTS 65536

/* The reader comes on a timer and is woken only when a CPU has put this many events since it last woke it. The loader sets it to half
 * the ring's records shared among the CPUs, so that the ring cannot fill between two wake-ups. */
#ifndef EVENTS_PER_WAKEUP
#define EVENTS_PER_WAKEUP 1024
#endif

struct event {
    u64 time_ns;
    u64 latency_ns;
    u64 connect_ns;
    u64 answer_ns;
    u8 remote[16];
    u8 local[16];
    u32 ifindex;
    u32 pid;
    u16 remote_port;
    u16 local_port;
    u16 retransmits;
    u8 outcome;
    u8 direction;
    u8 ambiguous;
    u8 unused[3];
    u8 process[16];
    u8 padding[4];
};
_Static_assert(sizeof(struct event) == 104, "bpf/event.py decodes 104 bytes");

struct connection {
    u8 remote[16];
    u8 local[16];
    u16 remote_port;
    u16 local_port;
    u32 ifindex;
};
_Static_assert(sizeof(struct connection) == 40, "bpf/tables.py decodes 40 bytes");

/* Our SYN went out; its answer is awaited. Once user space has reported it as unanswered it stays a while, so that a SYN sent still
 * later is known for the retransmission it is. */
struct outbound {
    u64 first_syn_ns;
    u64 last_syn_ns;
    u32 isn;
    u16 retransmits;
    u16 reported;
};
_Static_assert(sizeof(struct outbound) == 24, "bpf/tables.py decodes 24 bytes");

/* A SYN came in; our SYN-ACK (first_answer_ns: 0 until it goes out), then its acknowledgement, are awaited. */
struct inbound {
    u64 first_syn_ns;
    u64 first_answer_ns;
    u64 last_answer_ns;
    u32 remote_isn;
    u32 isn;
    u16 retransmits;
    u16 unused[3];
};
_Static_assert(sizeof(struct inbound) == 40, "bpf/tables.py decodes 40 bytes");

struct account {
    u64 syns;
    u64 established;
    u64 refused;
    u64 unreachable;
    u64 ambiguous;
    u64 events_lost;
    u64 pending_full;
    u64 emitted;
};
_Static_assert(sizeof(struct account) == 64, "bpf/tables.py decodes 64 bytes");

/* Which acknowledgement numbers are awaited, one byte each: asking it costs 2 ns, asking the table 20, and nearly every packet of a
 * busy box is an ACK. Never cleared by the kernel: user space turns the page once per timeout, when all that was set only on the old
 * one has expired, so a set slot means "perhaps", a clear one "no". Both pages are written, so that the turn loses nothing. */
struct awaited {
    u32 page;
    u8 slots[2][ACK_SLOTS];
};

BPF_RINGBUF_OUTPUT(events, RING_PAGES);
/* Two tables: a flood of SYNs at us must not throw out our own handshakes. */
BPF_TABLE("hash", struct connection, struct outbound, pending_outbound, PENDING_MAX);
BPF_TABLE("hash", struct connection, struct inbound, pending_inbound, PENDING_MAX);
/* Per CPU, so that counting needs no atomics. An interface without an entry is not watched. */
BPF_TABLE("percpu_hash", u32, struct account, accounts, INTERFACES_MAX);
BPF_F_TABLE("array", u32, struct awaited, awaited_acks, 1, BPF_F_MMAPABLE);

/* What the full look finds of an IP packet. */
struct datagram {
    u8 source[16];
    u8 destination[16];
    u32 payload_offset;
    u32 payload_bytes;
    u8 protocol;
};

/* The fixed part of a TCP header, as it is on the wire. */
struct segment {
    u16 source_port;
    u16 destination_port;
    u32 seq;
    u32 ack;
    u8 data_offset;
    u8 flags;
    u8 rest[6];
};
_Static_assert(sizeof(struct segment) == TCP_HEADER, "RFC 9293, section 3.1");

INLINE u16 slot_of(u32 ack)
{
    return (u16)(ack ^ (ack >> 16));
}

/* Does a handshake perhaps wait for this acknowledgement number? */
INLINE bool is_awaited(u32 ack)
{
    u32 zero = 0;
    struct awaited *awaited = awaited_acks.lookup(&zero);
    return awaited && awaited->slots[awaited->page & 1][slot_of(ack)];
}

INLINE void await_ack(u32 ack)
{
    u32 zero = 0;
    struct awaited *awaited = awaited_acks.lookup(&zero);
    if (!awaited)
        return;
    awaited->slots[0][slot_of(ack)] = 1;
    awaited->slots[1][slot_of(ack)] = 1;
}

/* The quick look at a TCP segment whose header is at hand: can it belong to a handshake? Beyond SYN and RST, only an ACK that comes in. */
INLINE bool may_matter(u8 *tcp, bool ingress)
{
    u8 flags = tcp[TCP_FLAGS_OFFSET];
    if (flags & (SYN | RST))
        return true;
    return ingress && (flags & ACK) && is_awaited(bpf_ntohl(*(u32 *)(tcp + TCP_ACK_OFFSET)));
}

/* The quick look at an IP packet: false for what certainly has nothing to do with a handshake, true for what deserves the full look. */
INLINE bool quick_look(u16 ethertype, u8 *ip, u8 *end, bool ingress)
{
    if (ethertype == bpf_htons(ETH_IPV4)) {
        if (ip + IPV4_HEADER > end)
            return true;
        if (ip[9] != PROTO_TCP)
            return ingress && ip[9] == PROTO_ICMP;
        if (ip[0] != 0x45 || ip + IPV4_HEADER + TCP_HEADER > end)
            return true;
        return may_matter(ip + IPV4_HEADER, ingress);
    }
    if (ethertype == bpf_htons(ETH_IPV6)) {
        if (ip + IPV6_HEADER > end)
            return true;
        if (ip[6] == PROTO_UDP)
            return false;
        if (ip[6] != PROTO_TCP || ip + IPV6_HEADER + TCP_HEADER > end)
            return true;
        return may_matter(ip + IPV6_HEADER, ingress);
    }
    return ethertype == bpf_htons(ETH_VLAN) || ethertype == bpf_htons(ETH_QINQ);
}

INLINE void map_ipv4(u8 *address, u8 *from)
{
    __builtin_memset(address, 0, 10);
    address[10] = address[11] = 0xff;
    __builtin_memcpy(address + 12, from, 4);
}

INLINE int parse_ipv4(struct __sk_buff *skb, u32 offset, struct datagram *ip)
{
    u8 header[IPV4_HEADER];
    if (bpf_skb_load_bytes(skb, offset, header, sizeof(header)))
        return -1;
    u32 header_bytes = (header[0] & 0x0f) * 4;
    u32 total_bytes = header[2] << 8 | header[3];
    u32 fragment = header[6] << 8 | header[7];
    if (header[0] >> 4 != 4 || header_bytes < IPV4_HEADER || total_bytes < header_bytes)
        return -1;
    if (fragment & IPV4_OFFSET) /* A later fragment carries no TCP header. */
        return -1;
    map_ipv4(ip->source, header + 12);
    map_ipv4(ip->destination, header + 16);
    ip->payload_offset = offset + header_bytes;
    ip->payload_bytes = total_bytes - header_bytes;
    ip->protocol = header[9];
    return 0;
}

INLINE int parse_ipv6(struct __sk_buff *skb, u32 offset, struct datagram *ip)
{
    u8 header[IPV6_HEADER];
    if (bpf_skb_load_bytes(skb, offset, header, sizeof(header)) || header[0] >> 4 != 6)
        return -1;
    __builtin_memcpy(ip->source, header + 8, 16);
    __builtin_memcpy(ip->destination, header + 24, 16);
    u8 next = header[6];
    u32 at = offset + IPV6_HEADER;
    u32 end = at + (header[4] << 8 | header[5]);
#pragma clang loop unroll(disable)
    for (int i = 0; i < MAX_EXTENSION_HEADERS; i++) {
        u8 extension[8]; /* RFC 8200, section 4: a multiple of 8 bytes; the second gives the length, but for fragments. */
        if (next != PROTO_HOP_BY_HOP && next != PROTO_ROUTING && next != PROTO_DESTINATION && next != PROTO_FRAGMENT)
            break;
        if (bpf_skb_load_bytes(skb, at, extension, sizeof(extension)))
            return -1;
        if (next == PROTO_FRAGMENT && ((extension[2] << 8 | extension[3]) & IPV6_OFFSET))
            return -1;
        at += next == PROTO_FRAGMENT ? 8 : (extension[1] + 1) * 8;
        next = extension[0];
    }
    ip->payload_offset = at;
    ip->payload_bytes = end > at ? end - at : 0;
    ip->protocol = next;
    return 0;
}

INLINE int parse_ip(struct __sk_buff *skb, u16 ethertype, u32 offset, struct datagram *ip)
{
    if (ethertype == bpf_htons(ETH_IPV4))
        return parse_ipv4(skb, offset, ip);
    if (ethertype == bpf_htons(ETH_IPV6))
        return parse_ipv6(skb, offset, ip);
    return -1;
}

INLINE void key_of(struct connection *key, u32 ifindex, u8 *local, u8 *remote, u16 local_port, u16 remote_port)
{
    __builtin_memcpy(key->remote, remote, 16);
    __builtin_memcpy(key->local, local, 16);
    key->remote_port = bpf_ntohs(remote_port);
    key->local_port = bpf_ntohs(local_port);
    key->ifindex = ifindex;
}

INLINE void begin_event(struct event *event, struct connection *key, u8 direction, u8 outcome)
{
    __builtin_memset(event, 0, sizeof(*event));
    event->time_ns = bpf_ktime_get_ns();
    __builtin_memcpy(event->remote, key->remote, 16);
    __builtin_memcpy(event->local, key->local, 16);
    event->remote_port = key->remote_port;
    event->local_port = key->local_port;
    event->ifindex = key->ifindex;
    event->direction = direction;
    event->outcome = outcome;
}

INLINE void emit(struct event *event, struct account *account)
{
    if (event->outcome == ESTABLISHED)
        account->established++;
    else if (event->outcome == REFUSED)
        account->refused++;
    else
        account->unreachable++;
    account->ambiguous += event->ambiguous;
    u64 wakeup = ++account->emitted % EVENTS_PER_WAKEUP ? BPF_RB_NO_WAKEUP : BPF_RB_FORCE_WAKEUP;
    if (events.ringbuf_output(event, sizeof(*event), wakeup))
        account->events_lost++;
}

/* Our SYN. The same ISN again is a retransmission; another one is a new connection from a port used again. */
INLINE void syn_out(struct connection *key, u32 isn, struct account *account)
{
    u64 now = bpf_ktime_get_ns();
    struct outbound *pending = pending_outbound.lookup(key);
    if (pending && pending->isn == isn) {
        pending->last_syn_ns = now;
        pending->retransmits++;
        return;
    }
    struct outbound fresh = {.first_syn_ns = now, .last_syn_ns = now, .isn = isn};
    account->syns++;
    if (pending_outbound.update(key, &fresh))
        account->pending_full++;
}

INLINE void syn_in(struct connection *key, u32 isn, struct account *account)
{
    struct inbound *pending = pending_inbound.lookup(key);
    if (pending && pending->remote_isn == isn)
        return; /* Our answer may have been lost, or be late; either way its first SYN counts. */
    struct inbound fresh = {.first_syn_ns = bpf_ktime_get_ns(), .remote_isn = isn};
    account->syns++;
    if (pending_inbound.update(key, &fresh))
        account->pending_full++;
}

INLINE void syn_ack_out(struct connection *key, struct segment *tcp)
{
    struct inbound *pending = pending_inbound.lookup(key);
    if (!pending || bpf_ntohl(tcp->ack) != pending->remote_isn + 1)
        return;
    u64 now = bpf_ktime_get_ns();
    u32 isn = bpf_ntohl(tcp->seq);
    if (pending->first_answer_ns && pending->isn == isn) {
        pending->retransmits++;
    } else {
        pending->first_answer_ns = now;
        pending->isn = isn;
    }
    pending->last_answer_ns = now;
    await_ack(isn + 1);
}

/* The answer to our SYN: a SYN-ACK, a RST, or an ICMP error that quotes it. Whoever deletes the entry reports it, so each is reported
 * once, whatever arrives twice or on two CPUs at a time. */
INLINE void end_outbound(struct connection *key, u32 acknowledged_isn, u8 outcome, struct account *account)
{
    struct outbound *pending = pending_outbound.lookup(key);
    if (!pending || pending->isn != acknowledged_isn)
        return;
    struct outbound seen = *pending;
    if (pending_outbound.delete(key))
        return;
    struct event event;
    begin_event(&event, key, OUTBOUND, outcome);
    event.retransmits = seen.retransmits;
    if (outcome == ESTABLISHED) {
        event.connect_ns = event.time_ns - seen.first_syn_ns;
        event.ambiguous = seen.retransmits != 0; /* Karn: which SYN was answered is not known. */
        event.latency_ns = event.ambiguous ? 0 : event.connect_ns;
    }
    emit(&event, account);
}

/* The far side acknowledges our SYN-ACK, or we refuse its SYN. */
INLINE void end_inbound(struct connection *key, struct inbound *pending, u8 outcome, struct account *account)
{
    struct inbound seen = *pending;
    if (pending_inbound.delete(key))
        return;
    struct event event;
    begin_event(&event, key, INBOUND, outcome);
    event.retransmits = seen.retransmits;
    if (outcome == ESTABLISHED) {
        event.answer_ns = seen.first_answer_ns - seen.first_syn_ns;
        event.ambiguous = seen.retransmits != 0;
        event.latency_ns = event.ambiguous ? 0 : event.time_ns - seen.first_answer_ns;
    }
    emit(&event, account);
}

INLINE void ack_in(struct connection *key, u32 ack, struct account *account)
{
    struct inbound *pending = pending_inbound.lookup(key);
    if (pending && pending->first_answer_ns && ack == pending->isn + 1)
        end_inbound(key, pending, ESTABLISHED, account);
}

INLINE void rst_out(struct connection *key, u32 ack, struct account *account)
{
    struct inbound *pending = pending_inbound.lookup(key);
    if (pending && !pending->first_answer_ns && ack == pending->remote_isn + 1)
        end_inbound(key, pending, REFUSED, account);
}

INLINE void segment_out(struct connection *key, struct segment *tcp, struct account *account)
{
    u8 kind = tcp->flags & (SYN | RST | ACK);
    if (kind == SYN)
        syn_out(key, bpf_ntohl(tcp->seq), account);
    else if (kind == (SYN | ACK))
        syn_ack_out(key, tcp);
    else if (kind == (RST | ACK))
        rst_out(key, bpf_ntohl(tcp->ack), account);
}

INLINE void segment_in(struct connection *key, struct segment *tcp, struct account *account)
{
    u8 kind = tcp->flags & (SYN | RST | ACK);
    u32 ack = bpf_ntohl(tcp->ack);
    if (kind == SYN)
        syn_in(key, bpf_ntohl(tcp->seq), account);
    else if (kind == (SYN | ACK))
        end_outbound(key, ack - 1, ESTABLISHED, account);
    else if (kind == (RST | ACK))
        end_outbound(key, ack - 1, REFUSED, account);
    else if (kind == ACK)
        ack_in(key, ack, account);
}

/* An ICMP or ICMPv6 "destination unreachable" quotes the packet it answers: its IP header and at least 8 bytes more (RFC 792, 4443). */
INLINE void unreachable_in(struct __sk_buff *skb, u16 ethertype, struct datagram *outer, struct account *account)
{
    u8 icmp[ICMP_HEADER];
    struct datagram quoted;
    struct connection key;
    struct segment tcp = {};
    if (bpf_skb_load_bytes(skb, outer->payload_offset, icmp, sizeof(icmp)))
        return;
    if (outer->protocol == PROTO_ICMP && (icmp[0] != ICMP_UNREACHABLE || icmp[1] == ICMP_FRAGMENTATION_NEEDED))
        return;
    if (outer->protocol == PROTO_ICMPV6 && icmp[0] != ICMPV6_UNREACHABLE)
        return;
    if (parse_ip(skb, ethertype, outer->payload_offset + ICMP_HEADER, &quoted) || quoted.protocol != PROTO_TCP)
        return;
    if (bpf_skb_load_bytes(skb, quoted.payload_offset, &tcp, TCP_PORTS_AND_SEQ))
        return;
    key_of(&key, skb->ifindex, quoted.source, quoted.destination, tcp.source_port, tcp.destination_port);
    end_outbound(&key, bpf_ntohl(tcp.seq), UNREACHABLE, account);
}

INLINE int full_look(struct __sk_buff *skb, u16 ethertype, u32 offset, bool ingress)
{
    struct datagram ip;
    struct segment tcp;
    struct connection key;
    if (parse_ip(skb, ethertype, offset, &ip))
        return NEXT_PROGRAM;
    u32 ifindex = skb->ifindex;
    struct account *account = accounts.lookup(&ifindex);
    if (!account)
        return NEXT_PROGRAM;
    if (ingress && (ip.protocol == PROTO_ICMP || ip.protocol == PROTO_ICMPV6))
        unreachable_in(skb, ethertype, &ip, account);
    if (ip.protocol != PROTO_TCP || ip.payload_bytes < TCP_HEADER || bpf_skb_load_bytes(skb, ip.payload_offset, &tcp, TCP_HEADER))
        return NEXT_PROGRAM;
    if (ingress) {
        key_of(&key, ifindex, ip.destination, ip.source, tcp.destination_port, tcp.source_port);
        segment_in(&key, &tcp, account);
    } else {
        key_of(&key, ifindex, ip.source, ip.destination, tcp.source_port, tcp.destination_port);
        segment_out(&key, &tcp, account);
    }
    return NEXT_PROGRAM;
}

/* Tags that the device did not strip come before the packet's own type. */
INLINE int look_ethernet(struct __sk_buff *skb, bool ingress)
{
    u8 *frame = (u8 *)(long)skb->data;
    u8 *end = (u8 *)(long)skb->data_end;
    u32 offset = ETH_HEADER;
    u16 ethertype;
    if (frame + ETH_HEADER > end)
        return NEXT_PROGRAM;
    ethertype = *(u16 *)(frame + ETH_TYPE_OFFSET);
    if (!quick_look(ethertype, frame + ETH_HEADER, end, ingress))
        return NEXT_PROGRAM;
    for (int i = 0; i < MAX_VLAN_TAGS; i++) {
        if (ethertype != bpf_htons(ETH_VLAN) && ethertype != bpf_htons(ETH_QINQ))
            break;
        if (bpf_skb_load_bytes(skb, offset + 2, &ethertype, sizeof(ethertype)))
            return NEXT_PROGRAM;
        offset += VLAN_TAG;
    }
    return full_look(skb, ethertype, offset, ingress);
}

/* Devices without a link header (TUN, WireGuard, PPP): the version nibble says which IP it is. */
INLINE int look_ip(struct __sk_buff *skb, bool ingress)
{
    u8 *ip = (u8 *)(long)skb->data;
    u8 *end = (u8 *)(long)skb->data_end;
    u16 ethertype;
    if (ip + 1 > end)
        return NEXT_PROGRAM;
    ethertype = ip[0] >> 4 == 6 ? bpf_htons(ETH_IPV6) : bpf_htons(ETH_IPV4);
    if (!quick_look(ethertype, ip, end, ingress))
        return NEXT_PROGRAM;
    return full_look(skb, ethertype, 0, ingress);
}

int ethernet_in(struct __sk_buff *skb)
{
    return look_ethernet(skb, true);
}

int ethernet_out(struct __sk_buff *skb)
{
    return look_ethernet(skb, false);
}

int ip_in(struct __sk_buff *skb)
{
    return look_ip(skb, true);
}

int ip_out(struct __sk_buff *skb)
{
    return look_ip(skb, false);
}
