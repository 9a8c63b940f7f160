/* SPDX-License-Identifier: GPL-2.0 OR MIT
 *
 * Watches TCP handshakes at an interface's TC hook, matches them here in the kernel, and puts one event per handshake
 * into a ring; and, when asked to, samples of what TCP itself measures of connections that stay open, as they send.
 *
 * Compiled by bcc, without kernel headers: whatever is read of a packet is declared below. Four programs for the hook,
 * told apart by its side (ingress, egress) and by whether the device's frames begin with an Ethernet header, two that
 * remember which process called connect(), and one that user space runs to forget a handshake.
 *
 * Every packet takes the quick look: a few loads, no call. Only what may belong to a handshake takes the full look.
 * bpf/matcher.py is the same in plain Python; tests hold the two against each other.
 */
#include <uapi/linux/types.h>

#define barrier() asm volatile("" ::: "memory")
#define INLINE static inline __attribute__((always_inline))

/* What a handshake of ours mostly takes: its code is to lie together, since it comes from memory each time. */
#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Under TCX a program that returns 0 (TC_ACT_OK) ends the chain; -1 (TCX_NEXT, and TC_ACT_UNSPEC under clsact) hands the packet on. */
#define NEXT_PROGRAM (-1)

#define ETH_TYPE_OFFSET 12
#define ETH_HEADER 14
#define ETH_IPV4 0x0800
#define ETH_IPV6 0x86dd
#define ETH_VLAN 0x8100
#define ETH_QINQ 0x88a8
#define ETH_PPPOE 0x8864
#define PPPOE_HEADER 8 /* RFC 2516: six bytes, then the PPP protocol's two. */
#define PPPOE_PROTOCOL_OFFSET 6
#define PPP_IPV4 0x0021
#define PPP_IPV6 0x0057
#define VLAN_TAG 4
#define MAX_VLAN_TAGS 2

#define IPV4_HEADER 20
#define IPV4_OFFSET 0x1fff
#define IPV4_FRAGMENT 0x3fff /* The offset, or more to come. */
#define IPV6_HEADER 40
#define IPV6_ADDRESSES_OFFSET 8
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
#define TCP_OPTION_END 0
#define TCP_OPTION_NOP 1
#define TCP_OPTION_TIMESTAMPS 8
#define TCP_TIMESTAMPS_BYTES 10
#define TCP_TIMESTAMPS_FIRST 0x0101080a /* NOP, NOP, the timestamps, as RFC 7323 (appendix A) recommends and all do. */
#define TCP_MSS_FIRST 0x02040000
#define TCP_SACK_THEN_TIMESTAMPS 0x0402080a
#define MAX_TCP_OPTIONS 16

/* The verifier follows a loop only as long as offsets stay in the range they had: this keeps them there. */
#define OFFSET_MASK 0xffff
#define TCP_FLAGS_OFFSET 13
#define TCP_SEQ_OFFSET 4
#define TCP_ACK_OFFSET 8
#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10
/* What a RST has that answers a SYN (RFC 9293, 3.10.7.1). */
#define REFUSAL_SEQ 0

/* ICMP errors that end a connection attempt (RFC 792, 4443); "fragmentation needed" and "packet too big" do not. */
#define ICMP_HEADER 8
#define ICMP_UNREACHABLE 3
#define ICMP_FRAGMENTATION_NEEDED 4
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER_PROBLEM 12
#define ICMPV6_UNREACHABLE 1
#define ICMPV6_TIME_EXCEEDED 3
#define ICMPV6_PARAMETER_PROBLEM 4

#define OUTBOUND 0
#define INBOUND 1
#define UNKNOWN 2 /* Of a flow that was there before us. */

#define ESTABLISHED 0
#define REFUSED 1
#define UNREACHABLE 2

#define GOES_ON 0xff

/* Beside a segment's flags: it is quoted by an ICMP error. */
#define QUOTED 0

/* What a packet that looked like part of a handshake turned out to be unreadable for. */
#define READABLE 0
#define TRUNCATED 1
#define MALFORMED 2
#define FRAGMENT 3
#define TOO_DEEP 4

/* 4 MiB: 0.6 s of 50,000 handshakes a second. */
#define RECORDS 32768
#define RECORD_WORDS 16
#define PENDING_MAX 65536
#define SLOTS 4096
#define SLOTS_BITS 12
#define SHARDS 32
#define SPARES 1024
/* Those of slots, those that CPUs have to spare, and some that nobody has: so that whatever number is told is that of a place. */
#define PLACES 16384
#define PLACE_BITS 14
#define PLACE_MASK (PLACES - 1)
#define NO_PLACE 0
#define BUSY PLACE_MASK
/* How often something is tried that another CPU came in the way of. */
#define ATTEMPTS 4
#define CALLERS_MAX 32768
#define ACCOUNTS_MAX 256
#define ACK_SLOTS 65536

/* The last byte of a record's process name says what it is: a handshake's is NUL always. */
#define IS_FLOW 0x80
#define IS_CLOSING 0x04
#define IS_FORWARDED 0x08

/* States of a TCP connection that both sides know of (include/net/tcp_states.h): ESTABLISHED, FIN_WAIT1 and 2, CLOSE_WAIT,
 * LAST_ACK, CLOSING. Not those of a listener, nor of the sockets that the kernel sends RSTs for nobody from. */
#define CONNECTED (1 << 1 | 1 << 4 | 1 << 5 | 1 << 8 | 1 << 9 | 1 << 11)
#define NEVER (~0ULL)
#define NO_RTT (~0U)
/* A slice of the budget of samples: 134 ms. */
#define SLICE_SHIFT 27
/* What doors are shut and opened by, and when connections were opened is told in: 67 ms. A door's number of it comes round in 73
 * minutes: then it seems shut for as long. */
#define TICK_SHIFT 26
#define DOORS 4096
#define DOOR_SHIFT 20
#define OPENINGS 65536
#define OPENINGS_SHIFT 16
/* A connection is remembered, on its socket, when it has lived this long: most do not. */
#define YOUNG_NS 1000000000
/* How long a flow has the same door: 4.3 s. */
#define TURN_SHIFT 32
#define SOCK_STREAM 1

/* How long an echo is waited for, and after which silence a TSval is new whatever its number: 10 s. A timestamps clock ticks once
 * a second at least (RFC 7323, section 5.4). */
#define STALE_US 10000000
#define STALE_NS (STALE_US * 1000ULL)
#define NS_PER_US 1000
/* Forwarded connections, of all interfaces; the loader sets it to 1 where they are not asked for. */
#ifndef PASSING_MAX
#define PASSING_MAX 65536
#endif
/* Their numbers are above all cookies of sockets, which are counted, and below what a double holds exactly. Each CPU counts its
 * own, from its first moment in units of 131 us, so that another run has others. */
#define PASSING_COOKIE (1ULL << 52)
#define PASSING_NUMBER_SHIFT 12
#define PASSING_NUMBER_MASK ((1ULL << 40) - 1)
#define PASSING_CPU_MASK 0x7ff
#define PASSING_EPOCH_SHIFT 17

/* Constants that the loader writes over these numbers (bpf/program.py), so that one function, compiled once, serves as every
 * interface's own pair of programs, each with an account of its own. To the compiler they are unknown; to the verifier they are
 * constants, and it drops the code that they rule out. */
#define LOADED(marker)                                                                                                 \
    ({                                                                                                                 \
        u64 _value;                                                                                                    \
        asm("%0 = " #marker : "=r"(_value));                                                                           \
        _value;                                                                                                        \
    })
#define ACCOUNT LOADED(0x7c91a701)
#define IS_INGRESS LOADED(0x7c91a702)
#define LINK_HEADER LOADED(0x7c91a703)
/* Microseconds between two samples of a connection; 0: none are taken, and nothing of what they need is asked for. */
#define FLOW_INTERVAL LOADED(0x7c91a704)
/* How many samples a slice of time has room for, of all interfaces. */
#define FLOW_BUDGET LOADED(0x7c91a705)
/* How many ticks a door is shut: a quarter of the interval, roughly. */
#define TICKS_SHUT LOADED(0x7c91a707)
/* Whether the round trips of connections that are forwarded are estimated. Where there is room for one only, none are, and the
 * compiler need not do what that takes. */
#if PASSING_MAX > 1
#define IS_FORWARDING LOADED(0x7c91a708)
#else
#define IS_FORWARDING false
#endif
/* ... and a map that bcc does not make: the storage on sockets. */
#define SOCKETS                                                                                                        \
    ({                                                                                                                 \
        void *_map;                                                                                                    \
        asm volatile("%0 = 0x7c91a706 ll" : "=r"(_map));                                                               \
        _map;                                                                                                          \
    })
/* By how many bits of its number, the lowest, a slot is told apart from others of its shard. */
#define SHARD_BITS LOADED(0x7c91a710)
/* ... and maps of one value each, which is at hand without a call (Linux 5.2). Some of them bcc could not make: it knows no locks,
 * and takes minutes for large values. */
#define VALUE(marker, type)                                                                                            \
    ({                                                                                                                 \
        type *_value;                                                                                                  \
        asm("%0 = " #marker " ll" : "=r"(_value));                                                                     \
        _value;                                                                                                        \
    })
#define UNDER_WAY VALUE(0x7c91a709, struct places)
#define PRODUCED VALUE(0x7c91a70a, struct produced)
#define RING_RECORDS VALUE(0x7c91a70b, struct records)
#define RING_TURNS VALUE(0x7c91a70c, struct turns)
#define CONSUMED VALUE(0x7c91a712, u64)
#define GLANCE VALUE(0x7c91a713, struct glance)
#define AWAITED VALUE(0x7c91a70d, struct awaited)
#define DOORS_OPEN VALUE(0x7c91a70e, struct doors)

/* The ring of records: how many were put there, and how many the reader has taken; and for each record on which turn through the
 * ring it was written, so that the reader knows when it is whole. Our own, since BPF_MAP_TYPE_RINGBUF waits, by its barriers, until
 * memory that was not at hand has come to be written; here the packet goes on meanwhile.
 * Records are counted by an atomic operation where the kernel can tell what it found (Linux 5.12) and what one processor writes is
 * seen by others in that order (x86, s390). Else they are counted with a lock; it is held while one is written where it must.
 * The same lock stands in for other atomic operations. */
#ifndef STORES_IN_ORDER
#define STORES_IN_ORDER 0
#endif
#ifndef HAS_ATOMICS
#define HAS_ATOMICS 0
#endif
/* Atomic operations that compilers may be older than: the loader makes them. Where an addition has a marker two instructions before
 * it, it shall tell what was there before, or be an exchange. */
#define FETCH_ADD "%0 = 0x7c91a70f; %0 = 1; lock *(u64 *)(%1 + 8) += %0"
#define EXCHANGE "%0 = 0x7c91a711; %0 = %2; lock *(u64 *)(%1 + 0) += %0"
/* To compare and exchange, the kernel wants what is expected in r0, and leaves there what it found. To tell a compiler of r0 takes a
 * call: so there is one, to a function of that number. The loader writes two instructions for it, and makes room by one of the two
 * that this marker takes. */
#define COMPARE_AND_EXCHANGE(marker, word, old, new)                                                                   \
    ({                                                                                                                 \
        u64 _room;                                                                                                     \
        asm volatile("%0 = 0x7c91a716 ll" : "=r"(_room), "+r"(word), "+r"(old), "+r"(new));                             \
        ((u64(*)(void *, u64, u64))marker)(word, old, new);                                                            \
    })
#define COMPARE_AND_EXCHANGE_32 0x7c91a714
#define COMPARE_AND_EXCHANGE_64 0x7c91a715
/* Room that is left for those that find some at the same time: one on each CPU. */
#define RESERVE 1024
struct produced {
    struct bpf_spin_lock lock;
    u32 unused;
    u64 count;
};
_Static_assert(sizeof(struct produced) == 16, "bpf/ring.py makes a map of 16 bytes");
_Static_assert(__builtin_offsetof(struct produced, count) == 8, "as it is added to");

struct records {
    u64 words[RECORDS * RECORD_WORDS];
};

struct turns {
    u8 turns[RECORDS];
};

struct event {
    u64 time_ns;
    u64 latency_ns;
    u64 connect_ns;
    u64 answer_ns;
    u8 remote[16];
    u8 local[16];
    u8 process[16];
    u64 identity;
    u64 cgroup;
    u32 ifindex;
    u32 pid;
    u16 remote_port;
    u16 local_port;
    u16 retransmits;
    u8 outcome;
    u8 direction;
    u8 ambiguous;
    u8 repeated; /* For user space to say. */
    u16 unused; /* In pieces as large as they can be: so they are cleared. */
    u32 unused_too;
    u64 unused_as_well;
};
_Static_assert(sizeof(struct event) == 128, "bpf/event.py decodes 128 bytes");
_Static_assert(sizeof(struct event) == RECORD_WORDS * sizeof(u64), "records are counted in words");

/* What TCP knows of a connection at a moment. A record of the same size as a handshake's, so that the reader can slice. */
struct flow {
    u64 time_ns;
    u64 bytes_acked;
    u64 bytes_received;
    u64 cookie;
    u8 remote[16];
    u8 local[16];
    u8 process[15];
    u8 kind;
    u64 cgroup;
    u32 ifindex;
    u32 pid;
    u32 srtt_us;
    u32 min_rtt_us;
    u32 segments;
    u32 retransmits;
    u32 delivery_rate_kbps;
    u16 remote_port;
    u16 local_port;
    u32 opened; /* In ticks; 0: not seen. */
    u32 cwnd;
};
_Static_assert(sizeof(struct flow) == sizeof(struct event), "records are of one size");
_Static_assert(__builtin_offsetof(struct flow, kind) == __builtin_offsetof(struct event, process) + 15, "told apart by it");

struct connection {
    u8 remote[16];
    u8 local[16];
    u16 remote_port;
    u16 local_port;
    u32 ifindex;
} __attribute__((aligned(8)));
_Static_assert(sizeof(struct connection) == 40, "bpf/tables.py decodes 40 bytes");

/* The process that called connect(). */
struct caller {
    u64 cgroup;
    u8 name[16];
    u32 pid;
    u32 padding;
};
_Static_assert(sizeof(struct caller) == 32, "no holes: it is a table's value");

/* By the low bits of its socket's cookie. Cookies are counted, so the least recent are overwritten: what matters is the moment
 * between connect() and its SYN. */
struct called {
    u64 cookie; /* 0: it is being written. */
    struct caller caller;
};

/* Our SYN went out; its answer is awaited. Once user space has reported it as unanswered (`reported`) it stays a while, so
 * that a SYN sent still later is known for the retransmission it is. */
struct outbound {
    u64 first_syn_ns;
    u64 last_syn_ns;
    u32 isn;
    u32 data_bytes;
    u32 first_stamp;
    u32 last_stamp;
    u16 retransmits;
    u8 stamped;
    u8 unused[5];
    struct caller caller;
};
_Static_assert(sizeof(struct outbound) == 72, "bpf/tables.py decodes 72 bytes");

/* A SYN came in; our SYN-ACK (first_answer_ns: 0 until it goes out), then its acknowledgement, are awaited. */
struct inbound {
    u64 first_syn_ns;
    u64 first_answer_ns;
    u64 last_answer_ns;
    u32 remote_isn;
    u32 remote_data_bytes;
    u32 isn;
    u32 first_stamp;
    u32 last_stamp;
    u16 retransmits;
    u8 stamped;
    u8 took_data;
};
_Static_assert(sizeof(struct inbound) == 48, "bpf/tables.py decodes 48 bytes");

/* A handshake under way. It has a slot, by its connection's hash, which tells its place; of the places that are free the one that
 * was left last is taken: it is the one that is at hand, where all others have to be fetched from memory. Where two that are under
 * way have the same slot, the later one goes into the hash table of its direction.
 *
 * No lock is taken. A place belongs to whoever took it, then to all from when its slot tells it until somebody makes the slot tell
 * something else; meanwhile nobody changes it. So what was read of a place was right, and the handshake is his who read it, if the
 * slot still tells the same when he replaces that. A place is told by its number (from 1) and, above that, how often it had been
 * left before: so it is not mistaken for what it was earlier. */
struct place {
    struct connection key;
    union {
        u64 first_syn_ns;
        struct outbound outbound;
        struct inbound inbound;
    };
    u64 next; /* That is free, as that is told; BUSY: to be written. */
    u64 times_left;
};
_Static_assert(sizeof(struct place) == 128, "bpf/places.py decodes 128 bytes");
_Static_assert(__builtin_offsetof(struct place, next) == 112, "bpf/places.py writes it");

/* How a place is told that is free. By itself in its line of memory: some are one CPU's, others are awaited by many. */
struct told {
    u64 place;
    u64 unused[7];
};
_Static_assert(sizeof(struct told) == 64, "bpf/places.py writes 64 bytes");

/* Slots are in shards that have as many places: the more CPUs there are, the more shards the loader makes, and no more, since what
 * is used by turns has to be fetched from memory each time. And each CPU has a place to spare: what is to be changed is written
 * there, and put where it was. */
struct places {
    struct place places[PLACES];
    struct told free[SHARDS]; /* The one that was left last. */
    struct told spare[SPARES];
};
_Static_assert(1 + 2 * SLOTS + SPARES < BUSY, "nobody has those of NO_PLACE and BUSY");

struct slot {
    u32 place;     /* As it is told, without the upper half; BUSY: somebody will write it. */
    u32 elsewhere; /* How many of its handshakes are in the table. */
};

/* What is to be told at a glance, being small enough to stay in the cache: whether any handshake was reported as unanswered (user
 * space says so), and the slots. Nearly all RSTs have nothing to do with either. */
struct glance {
    u32 has_reported;
    u32 unused[15];
    struct slot slots[2 * SLOTS];
};
_Static_assert(__builtin_offsetof(struct glance, slots) == 64, "bpf/places.py reads what is behind 64 bytes");

/* What user space asks the program `forget` for: to remove a handshake, if it still is as it was read. */
struct request {
    u8 header[16];
    struct connection key;
    u64 direction;
    union {
        struct outbound outbound;
        struct inbound inbound;
    };
};
_Static_assert(sizeof(struct request) == 136, "bpf/places.py writes 136 bytes");

struct account {
    u64 packets;
    u64 syns;
    u64 syn_retransmits;
    u64 established;
    u64 refused;
    u64 unreachable;
    u64 ambiguous;
    u64 late;
    u64 superseded;
    u64 pending_full;
    u64 unsolicited;
    u64 emitted;
    u64 events_lost;
    u64 unreadable[5];
    u64 samples;
    u64 samples_thinned;
    u64 samples_lost;
};
_Static_assert(sizeof(struct account) == 168, "bpf/tables.py decodes 168 bytes");

/* On each socket that sends, and gone with it: when its next sample is due (NEVER: it is closing), whose it is, and since when
 * (in ticks; 0: not seen). */
struct socket {
    u64 due_ns;
    u64 cookie;
    struct caller caller;
    u32 direction;
    u32 opened;
};
_Static_assert(sizeof(struct socket) == 56, "bpf/flows.py makes a map of 56 bytes");

/* May a flow's packet look at its socket? By the packet's hash: the tick from which on it may. Asking the socket itself takes
 * three lines of memory that a busy box does not have at hand: 80 ns with a thousand connections, where this takes 5, being
 * small enough to stay in the cache. After a look the door is shut for a while, so that looks are rare however much
 * is sent. Flows that share a door may miss a look by that; they have other doors every few seconds. */
struct doors {
    u16 opens[DOORS];
};
_Static_assert(sizeof(struct doors) == 8192, "bpf/flows.py makes a map of 8192 bytes");

/* When connections were opened, by their packets' hash, which all that leaves of one has, SYN and SYN-ACK too. A later one in the
 * same slot takes it over. */
struct opening {
    u32 hash;
    u32 opened; /* The tick that the SYN (or SYN-ACK) left in, twice, and one more for INBOUND; 0: none has. */
};

/* Towards one end of a forwarded connection, here called its host: what passes to it, and what comes back. */
struct half {
    u64 awaited; /* The TSval (upper 32 bits) whose echo is awaited, and when it passed, in us; 0: none is. */
    u64 newest_ns;
    u64 due_ns;
    u32 newest; /* TSval, passed at newest_ns; before its first (0) nothing has. */
    u32 next_seq;
    u32 srtt_us8; /* In eighths of a microsecond, as TCP keeps it. */
    u32 min_rtt_us;
};

/* A connection that is forwarded, as one interface sees it. */
struct passing {
    u64 cookie;
    struct half out; /* Towards the host that lies behind the interface; the record's `remote`. */
    struct half in;  /* Towards the other one, behind this machine. */
    u8 fin_out;
    u8 fin_in;
    u8 padding[6];
};

/* What the next one's entry is made of, on each CPU: the stack has no room for it. */
struct newcomer {
    u64 number; /* 0: there was none yet. */
    struct passing passing;
};

/* Shared by all CPUs: on some machines one of them sends everything. Two that turn the slice at a time only lose a count. */
struct budget {
    u64 slice;
    u64 taken;
    u64 asked;
    u64 asked_before; /* In the slice before. */
};

/* Which acknowledgement numbers are awaited, one byte each: asking it costs 2 ns, asking the table 20, and nearly every packet of a
 * busy box is an ACK. Never cleared by the kernel: user space turns the page once per timeout, when all that was set only on the old
 * one has expired, so a set slot means "perhaps", a clear one "no". Both pages are written, so that the turn loses nothing. */
struct awaited {
    u32 page;
    u32 has_any[2]; /* Of each page: is any slot set? Where nobody connects to us none is, and no RST of ours has to ask for one. */
    u32 unused;
    u8 slots[2][ACK_SLOTS];
};

/* Nothing is in it: it wakes the reader, who comes on a timer, when the ring is half full. */
BPF_RINGBUF_OUTPUT(bell, 1);
/* Those that have no place of their own. Two tables: a flood of SYNs at us must not throw out our own handshakes. */
BPF_TABLE("hash", struct connection, struct outbound, pending_outbound, PENDING_MAX);
BPF_TABLE("hash", struct connection, struct inbound, pending_inbound, PENDING_MAX);
/* Which of ours were reported as unanswered: user space adds the connection with its ISN, whoever ends it takes that away.
 * A table of its own: written back into the entry, the mark could undo what a SYN changed there meanwhile. */
BPF_F_TABLE("hash", struct connection, u32, reported, PENDING_MAX, BPF_F_NO_PREALLOC);
/* Per CPU, so that counting needs no atomics. */
BPF_TABLE("percpu_array", u32, struct account, accounts, ACCOUNTS_MAX);
BPF_TABLE("array", u32, struct called, callers, CALLERS_MAX);
BPF_F_TABLE("array", u32, struct awaited, awaited_acks, 1, BPF_F_MMAPABLE);

BPF_TABLE("array", u32, struct budget, flow_budget, 1);
BPF_TABLE("array", u32, struct opening, flow_openings, OPENINGS);
BPF_TABLE("lru_hash", struct connection, struct passing, passings, PASSING_MAX);
BPF_TABLE("percpu_array", u32, struct newcomer, newcomers, 1);

/* What a packet is looked at with. */
struct view {
    struct __sk_buff *skb;
    struct account *account;
    bool ingress;
    u64 now;    /* 0: not asked for yet. */
    u64 cookie; /* Of the socket that sends a SYN. */
    u32 slot;   /* `slot_number` of its connection. */
    u16 ethertype;
    u8 kind;      /* SYN, RST and ACK, or QUOTED; GOES_ON: it has nothing to do with a handshake. */
    u32 *options; /* Of a segment that is read where it lies; else 0. */
};

/* Read where it is needed: most packets do not. In assembler, since the verifier refuses it where the compiler adds the offset to
 * the pointer first. */
INLINE u32 ifindex_of(struct __sk_buff *skb)
{
    u64 ifindex;
    _Static_assert(__builtin_offsetof(struct __sk_buff, ifindex) == 40, "as it is read here");
    asm volatile("%0 = *(u32 *)(%1 + 40)" : "=r"(ifindex) : "r"(skb));
    return ifindex;
}

/* The timestamps option of a segment (RFC 7323). */
struct stamps {
    u32 value;
    u32 echo;
    u32 present;
};

/* What the full look finds of an IP packet. The addresses are together, as they are in an IPv6 header. */
struct datagram {
    u64 source[2];
    u64 destination[2];
    u32 payload_offset;
    u32 payload_bytes;
    u8 protocol;
};

/* The fixed parts of IP headers, as far as they are read where they lie. */
struct ipv4 {
    u8 version;
    u8 service;
    u16 total_bytes;
    u16 number;
    u16 fragment;
    u8 hops;
    u8 protocol;
    u16 checksum;
    u32 source;
    u32 destination;
};
_Static_assert(sizeof(struct ipv4) == IPV4_HEADER, "RFC 791, section 3.1");

struct ipv6 {
    u8 version;
    u8 label[3];
    u16 payload_bytes;
    u8 next;
    u8 hops;
    u32 source[4];
    u32 destination[4];
};
_Static_assert(sizeof(struct ipv6) == IPV6_HEADER, "RFC 8200, section 3");

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

/* A segment that may be a step of a handshake, or one that an ICMP error quotes (then without `ack` and what follows it). */
struct step {
    struct connection key;
    u32 seq;
    u32 ack;
    u32 data_bytes;
    u32 options_offset;
    u32 options_bytes;
};

INLINE struct called *called_with(u64 cookie)
{
    u32 number = cookie & (CALLERS_MAX - 1);
    return callers.lookup(&number);
}

/* Which process called connect()? False, and all zero: it is not known any more. */
INLINE bool take_caller(struct caller *caller, struct called *called, u64 cookie)
{
    if (called && cookie && called->cookie == cookie) {
        *caller = called->caller;
        barrier();
        if (called->cookie == cookie)
            return true;
    }
    __builtin_memset(caller, 0, sizeof(*caller));
    return false;
}

INLINE u16 slot_of(u32 ack)
{
    return (u16)(ack ^ (ack >> 16));
}

/* Does a handshake perhaps wait for this acknowledgement number? */
INLINE bool is_awaited(u32 ack)
{
    struct awaited *awaited = AWAITED;
    u32 page = awaited->page & 1;
    return awaited->has_any[page] && awaited->slots[page][slot_of(ack)];
}

INLINE void await_ack(u32 ack)
{
    struct awaited *awaited = AWAITED;
    awaited->slots[0][slot_of(ack)] = 1;
    awaited->slots[1][slot_of(ack)] = 1;
    if (!awaited->has_any[0] || !awaited->has_any[1])
        awaited->has_any[0] = awaited->has_any[1] = 1;
}

/* SYNs may, and RSTs and ACKs that come in. A RST that leaves does if it refuses a SYN or, by the number that is to be acknowledged,
 * gives up what we have answered; nearly all others close a connection. */
INLINE bool may_matter(u8 flags, u32 seq, u32 ack, bool ingress)
{
    if (LIKELY(flags & SYN || (flags & RST && ingress)))
        return true;
    if (flags & RST)
        return bpf_ntohl(seq) == REFUSAL_SEQ || is_awaited(bpf_ntohl(seq));
    return ingress && (flags & ACK) && is_awaited(bpf_ntohl(ack));
}

/* The quick look: where the TCP header lies, if it follows a bare IP header that follows this ethertype; NULL: it does not. */
INLINE u8 *plain_tcp(u16 ethertype, u8 *ip, u8 *end)
{
    if (LIKELY(ethertype == bpf_htons(ETH_IPV4)))
        return LIKELY(ip + IPV4_HEADER + TCP_HEADER <= end && ip[9] == PROTO_TCP && ip[0] == 0x45) ? ip + IPV4_HEADER : NULL;
    if (LIKELY(ethertype == bpf_htons(ETH_IPV6)))
        return LIKELY(ip + IPV6_HEADER + TCP_HEADER <= end && ip[6] == PROTO_TCP) ? ip + IPV6_HEADER : NULL;
    return NULL;
}

/* May what the quick look cannot read have to do with a handshake? */
INLINE bool may_hide(u16 ethertype, u8 *ip, u8 *end)
{
    if (ethertype == bpf_htons(ETH_IPV4))
        return ip + IPV4_HEADER > end || ip[9] == PROTO_TCP || ip[9] == PROTO_ICMP;
    if (ethertype == bpf_htons(ETH_IPV6))
        return ip + IPV6_HEADER > end || ip[6] != PROTO_UDP;
    return ethertype == bpf_htons(ETH_VLAN) || ethertype == bpf_htons(ETH_QINQ) || ethertype == bpf_htons(ETH_PPPOE);
}

/* Two words of a packet as one: what is stored in pieces, and read as one soon after, is waited for. */
INLINE u64 pair(u32 first, u32 second)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (u64)second << 32 | first;
#else
    return (u64)first << 32 | second;
#endif
}

INLINE void map_ipv4(u64 *address, u32 from)
{
    address[0] = 0;
    address[1] = pair(bpf_htonl(0xffff), from);
}

INLINE void copy_ipv6(u64 *address, u32 *from)
{
    address[0] = pair(from[0], from[1]);
    address[1] = pair(from[2], from[3]);
}

INLINE int parse_ipv4(struct __sk_buff *skb, u32 offset, struct datagram *ip)
{
    struct ipv4 header;
    if (bpf_skb_load_bytes(skb, offset, &header, sizeof(header)))
        return TRUNCATED;
    u32 header_bytes = (header.version & 0x0f) * 4;
    u32 total_bytes = bpf_ntohs(header.total_bytes);
    if (header.version >> 4 != 4 || header_bytes < IPV4_HEADER || total_bytes < header_bytes)
        return MALFORMED;
    if (header.fragment & bpf_htons(IPV4_OFFSET)) /* A later fragment carries no TCP header. */
        return FRAGMENT;
    map_ipv4(ip->source, header.source);
    map_ipv4(ip->destination, header.destination);
    ip->payload_offset = offset + header_bytes;
    ip->payload_bytes = total_bytes - header_bytes;
    ip->protocol = header.protocol;
    return READABLE;
}

INLINE bool is_extension(u8 protocol)
{
    return protocol == PROTO_HOP_BY_HOP || protocol == PROTO_ROUTING || protocol == PROTO_DESTINATION ||
           protocol == PROTO_FRAGMENT;
}

INLINE int parse_ipv6(struct __sk_buff *skb, u32 offset, struct datagram *ip)
{
    u8 header[IPV6_ADDRESSES_OFFSET];
    if (bpf_skb_load_bytes(skb, offset + IPV6_ADDRESSES_OFFSET, ip->source, sizeof(ip->source) * 2) ||
        bpf_skb_load_bytes(skb, offset, header, sizeof(header)))
        return TRUNCATED;
    if (header[0] >> 4 != 6)
        return MALFORMED;
    u8 next = header[6];
    u32 at = offset + IPV6_HEADER;
    u32 payload_bytes = header[4] << 8 | header[5];
    /* A jumbogram (RFC 2675) says 0 here: Linux makes one of TCP segments that it handles together (BIG TCP). */
    u32 end = !payload_bytes && next == PROTO_HOP_BY_HOP ? skb->len : at + payload_bytes;
#pragma clang loop unroll(disable)
    for (int i = 0; i < MAX_EXTENSION_HEADERS; i++) {
        u8 extension[8]; /* RFC 8200, section 4: a multiple of 8 bytes; the second gives the length, but for fragments. */
        if (!is_extension(next))
            break;
        if (bpf_skb_load_bytes(skb, at, extension, sizeof(extension)))
            return TRUNCATED;
        if (next == PROTO_FRAGMENT && ((extension[2] << 8 | extension[3]) & IPV6_OFFSET))
            return FRAGMENT;
        at = (at + (next == PROTO_FRAGMENT ? 8 : (extension[1] + 1) * 8)) & OFFSET_MASK;
        next = extension[0];
    }
    if (is_extension(next))
        return TOO_DEEP;
    if (at > end)
        return MALFORMED;
    ip->payload_offset = at;
    ip->payload_bytes = end - at;
    ip->protocol = next;
    return READABLE;
}

INLINE int parse_ip(struct __sk_buff *skb, u16 ethertype, u32 offset, struct datagram *ip)
{
    if (ethertype == bpf_htons(ETH_IPV4))
        return parse_ipv4(skb, offset, ip);
    return parse_ipv6(skb, offset, ip);
}

INLINE u32 header_bytes(struct segment *tcp)
{
    return (tcp->data_offset >> 4) * 4;
}

INLINE void key_of(struct connection *key, u32 ifindex, u64 *local, u64 *remote, u16 local_port, u16 remote_port)
{
    u32 ports[] = {bpf_ntohs(remote_port), bpf_ntohs(local_port)};
    __builtin_memcpy(key->remote, remote, 16);
    __builtin_memcpy(key->local, local, 16);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    *(u64 *)&key->remote_port = pair(ports[1] << 16 | ports[0], ifindex);
#else
    *(u64 *)&key->remote_port = pair(ports[0] << 16 | ports[1], ifindex);
#endif
}

/* `is_ours`: this side sent it. Values are chosen, not where they are: the verifier refuses what compilers make of that. */
INLINE void take_sides(struct step *step, struct view *view, u64 *source, u64 *destination, struct segment *tcp, bool is_ours)
{
    u16 source_port = tcp->source_port, destination_port = tcp->destination_port;
    u64 local[2] = {is_ours ? source[0] : destination[0], is_ours ? source[1] : destination[1]};
    u64 remote[2] = {is_ours ? destination[0] : source[0], is_ours ? destination[1] : source[1]};
    key_of(&step->key, ifindex_of(view->skb), local, remote, is_ours ? source_port : destination_port,
           is_ours ? destination_port : source_port);
    step->seq = bpf_ntohl(tcp->seq);
}

INLINE int take_segment(struct step *step, struct view *view, u64 *source, u64 *destination, struct segment *tcp,
                        u32 payload_offset, u32 payload_bytes)
{
    u32 bytes = header_bytes(tcp);
    if (UNLIKELY(bytes < TCP_HEADER || bytes > payload_bytes))
        return MALFORMED;
    take_sides(step, view, source, destination, tcp, !view->ingress);
    step->ack = bpf_ntohl(tcp->ack);
    step->data_bytes = payload_bytes - bytes;
    step->options_offset = payload_offset + TCP_HEADER;
    step->options_bytes = bytes - TCP_HEADER;
    return READABLE;
}

/* A segment whose headers the quick look has seen is read where they lie, without a call: nearly all are such. */
INLINE int read_plain(struct view *view, u32 offset, u8 *header, u8 *end, struct step *step, u32 **options)
{
    u64 source[2], destination[2];
    struct segment *tcp;
    if (LIKELY(view->ethertype == bpf_htons(ETH_IPV4))) {
        struct ipv4 *ip = (struct ipv4 *)header;
        tcp = (struct segment *)(ip + 1);
        if (UNLIKELY((u8 *)(tcp + 1) > end))
            return TRUNCATED;
        u32 total_bytes = bpf_ntohs(ip->total_bytes);
        if (UNLIKELY(total_bytes < IPV4_HEADER))
            return MALFORMED;
        if (UNLIKELY(ip->fragment & bpf_htons(IPV4_OFFSET)))
            return FRAGMENT;
        map_ipv4(source, ip->source);
        map_ipv4(destination, ip->destination);
        *options = (u32 *)(tcp + 1);
        return take_segment(step, view, source, destination, tcp, offset + IPV4_HEADER, total_bytes - IPV4_HEADER);
    }
    struct ipv6 *ip = (struct ipv6 *)header;
    tcp = (struct segment *)(ip + 1);
    if ((u8 *)(tcp + 1) > end)
        return TRUNCATED;
    if (ip->version >> 4 != 6)
        return MALFORMED;
    copy_ipv6(source, ip->source);
    copy_ipv6(destination, ip->destination);
    *options = (u32 *)(tcp + 1);
    return take_segment(step, view, source, destination, tcp, offset + IPV6_HEADER, bpf_ntohs(ip->payload_bytes));
}

/* Find the timestamps where nearly all put them: at the very beginning, or in a SYN behind the MSS and "SACK permitted". `bytes`
 * are the options'. Saves a call for each of them. */
INLINE bool find_usual_stamps(u32 *options, u8 *end, u32 bytes, struct stamps *stamps)
{
    if (!options || (u8 *)(options + 3) > end || bytes < 3 * sizeof(u32))
        return false;
    if (options[0] == bpf_htonl(TCP_TIMESTAMPS_FIRST)) {
        stamps->value = bpf_ntohl(options[1]);
        stamps->echo = bpf_ntohl(options[2]);
    } else if ((options[0] & bpf_htonl(0xffff0000)) == bpf_htonl(TCP_MSS_FIRST) &&
               options[1] == bpf_htonl(TCP_SACK_THEN_TIMESTAMPS) && (u8 *)(options + 4) <= end && bytes >= 4 * sizeof(u32)) {
        stamps->value = bpf_ntohl(options[2]);
        stamps->echo = bpf_ntohl(options[3]);
    } else {
        return false;
    }
    stamps->present = 1;
    return true;
}

/* Find the timestamps among the options. Options that contradict themselves end the search, as they do in Linux. */
INLINE void search_stamps(struct __sk_buff *skb, struct step *step, struct stamps *stamps)
{
    u32 at = step->options_offset & OFFSET_MASK;
    u32 end = at + step->options_bytes;
#pragma clang loop unroll(disable)
    for (int i = 0; i < MAX_TCP_OPTIONS; i++) {
        u8 option[2];
        if (at + 2 > end || bpf_skb_load_bytes(skb, at, option, sizeof(option)))
            return;
        if (option[0] == TCP_OPTION_END)
            return;
        if (option[0] == TCP_OPTION_NOP) {
            at = (at + 1) & OFFSET_MASK;
            continue;
        }
        if (option[1] < 2 || at + option[1] > end)
            return;
        if (option[0] == TCP_OPTION_TIMESTAMPS && option[1] == TCP_TIMESTAMPS_BYTES) {
            u32 pair[2];
            if (bpf_skb_load_bytes(skb, at + 2, pair, sizeof(pair)))
                return;
            stamps->value = bpf_ntohl(pair[0]);
            stamps->echo = bpf_ntohl(pair[1]);
            stamps->present = 1;
            return;
        }
        at = (at + option[1]) & OFFSET_MASK;
    }
}

/* Does `ack` acknowledge a SYN with this ISN? With data on the SYN (TCP Fast Open, RFC 7413) all or part or none of the
 * data may be acknowledged along with it. */
INLINE bool acknowledges(u32 ack, u32 isn, u32 data_bytes)
{
    return ack - (isn + 1) <= data_bytes;
}

/* What a record is put into the ring with. */
struct writing {
    struct produced *produced;
    u64 number;
};

INLINE bool has_room(struct produced *produced)
{
    return produced->count - *CONSUMED < RECORDS - RESERVE;
}

/* Where the next record goes; 0: there is no room. */
INLINE void *begin_record(struct writing *writing)
{
    struct produced *produced = writing->produced = PRODUCED;
    u64 number;
    if (STORES_IN_ORDER && HAS_ATOMICS) {
        if (UNLIKELY(!has_room(produced)))
            return 0;
        asm volatile(FETCH_ADD : "=&r"(number) : "r"(produced) : "memory");
    } else {
        bpf_spin_lock(&produced->lock);
        bool is_room = has_room(produced);
        number = produced->count;
        produced->count = number + is_room;
        if (STORES_IN_ORDER || !is_room)
            bpf_spin_unlock(&produced->lock);
        if (!is_room)
            return 0;
    }
    writing->number = number;
    return RING_RECORDS->words + (number & (RECORDS - 1)) * RECORD_WORDS;
}

/* It is written. */
INLINE void end_record(struct writing *writing)
{
    u64 number = writing->number;
    barrier();
    *(volatile u8 *)&RING_TURNS->turns[number & (RECORDS - 1)] = number / RECORDS + 1;
    if (!STORES_IN_ORDER)
        bpf_spin_unlock(&writing->produced->lock);
    if (LIKELY(number + 1 - *CONSUMED != RECORDS / 2))
        return;
    u64 *stroke = bell.ringbuf_reserve(sizeof(*stroke));
    if (stroke)
        bell.ringbuf_discard(stroke, BPF_RB_FORCE_WAKEUP);
}

/* Count a handshake that is over, and begin its record with what all have; 0: there is no room. */
INLINE struct event *begin_event(struct writing *writing, struct account *account, struct connection *key, u64 now,
                                 u8 direction, u8 outcome)
{
    if (LIKELY(outcome == ESTABLISHED))
        account->established++;
    else if (outcome == REFUSED)
        account->refused++;
    else
        account->unreachable++;
    account->emitted++;
    struct event *event = begin_record(writing);
    if (!event) {
        account->events_lost++;
        return 0;
    }
    event->time_ns = now;
    __builtin_memcpy(event->remote, key->remote, 16);
    __builtin_memcpy(event->local, key->local, 16);
    event->remote_port = key->remote_port;
    event->local_port = key->local_port;
    event->ifindex = key->ifindex;
    event->direction = direction;
    event->outcome = outcome;
    event->repeated = 0;
    event->unused = event->unused_too = event->unused_as_well = 0;
    return event;
}

/* When the SYN (or SYN-ACK) left that an answer is to, if it was sent more than once. The answer's timestamp echo tells
 * it, if it is that of the first or of the last one and these differ; else 0: nobody knows (Karn). */
INLINE u64 answered_ns(struct stamps *answer, bool stamped, u32 first_stamp, u32 last_stamp, u64 first_ns, u64 last_ns)
{
    if (!stamped || !answer->present || first_stamp == last_stamp)
        return 0;
    if (answer->echo == last_stamp)
        return last_ns;
    return answer->echo == first_stamp ? first_ns : 0;
}

/* Where a handshake under way is: in a place, or (is_elsewhere) in its direction's table. */
struct spot {
    struct slot *slot;
    u64 number;          /* The slot's. */
    u64 held;            /* What the slot told. */
    struct place *place; /* ... which is there, or nobody's. */
    bool is_elsewhere;
};

/* What is done with a lock where there is nothing better. */
#define LOCKED(steps)                                                                                                  \
    do {                                                                                                               \
        struct produced *_locked = PRODUCED;                                                                           \
        if (!STORES_IN_ORDER) { /* What was written before is to be seen before. */                                    \
            bpf_spin_lock(&_locked->lock);                                                                             \
            bpf_spin_unlock(&_locked->lock);                                                                           \
        }                                                                                                              \
        bpf_spin_lock(&_locked->lock);                                                                                 \
        steps;                                                                                                         \
        bpf_spin_unlock(&_locked->lock);                                                                               \
    } while (0)

#define REPLACE(bits, word, old, new)                                                                                  \
    ({                                                                                                                 \
        u64 _found, _old = (old), _new = (new);                                                                        \
        u##bits *_word = (word);                                                                                       \
        if (HAS_ATOMICS)                                                                                               \
            _found = COMPARE_AND_EXCHANGE(COMPARE_AND_EXCHANGE_##bits, _word, _old, _new);                              \
        else                                                                                                           \
            LOCKED(_found = *_word; if (_found == _old) *_word = _new);                                                \
        _found == _old;                                                                                                \
    })

/* Write the new one where the old one is; false: something else is there, and stays. */
INLINE bool replace_u32(u32 *word, u64 old, u64 new)
{
    return REPLACE(32, word, old, new);
}

INLINE bool replace_u64(u64 *word, u64 old, u64 new)
{
    return REPLACE(64, word, old, new);
}

/* Write a word; return what was there. */
INLINE u64 exchange(u64 *word, u64 new)
{
    u64 found;
    if (HAS_ATOMICS)
        asm volatile(EXCHANGE : "=&r"(found) : "r"(word), "r"(new) : "memory");
    else
        LOCKED(found = *word; *word = new);
    return found;
}

/* The number of its slot, in either direction. */
INLINE u32 slot_number(struct connection *key)
{
    u64 *words = (u64 *)key;
    u64 hash = (words[1] + words[0] * 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
    hash = (hash ^ hash >> 32) + words[3] + words[2] * 0x94d049bb133111eb;
    hash = (hash ^ words[4]) * 0x9e3779b97f4a7c15;
    hash = (hash ^ hash >> 32) * 0xbf58476d1ce4e5b9;
    return hash >> (64 - SLOTS_BITS);
}

/* Have memory fetched, without waiting for it: of a place's lines all at once, not one after another. */
INLINE void touch(u64 *word)
{
    (void)*(volatile u64 *)word;
}

/* The place that is told so; nobody's, if none is. */
INLINE struct place *place_at(u64 told)
{
    return &UNDER_WAY->places[told & PLACE_MASK];
}

INLINE u64 *free_of(struct spot *spot)
{
    return &UNDER_WAY->free[spot->number >> SHARD_BITS & (SHARDS - 1)].place;
}

INLINE u64 *spare(void)
{
    return &UNDER_WAY->spare[bpf_get_smp_processor_id() & (SPARES - 1)].place;
}

INLINE void look_again(struct spot *spot)
{
    spot->held = *(volatile u32 *)&spot->slot->place;
    spot->place = place_at(spot->held);
}

/* False: the slot has none, here or in the table. */
INLINE bool find_slot(struct spot *spot, u64 number)
{
    spot->number = number & (2 * SLOTS - 1);
    spot->slot = GLANCE->slots + spot->number;
    spot->is_elsewhere = false;
    look_again(spot);
    return spot->held != NO_PLACE || spot->slot->elsewhere;
}

/* Take a place that is free; return how it is told, or NO_PLACE: there is none, or others came in the way too often. */
INLINE u64 take_place(struct spot *spot, struct place **place)
{
    u64 *free = free_of(spot);
#pragma clang loop unroll(disable)
    for (int i = 0; i < ATTEMPTS; i++) {
        u64 told = *(volatile u64 *)free;
        struct place *first = place_at(told);
        touch((u64 *)first);
        u64 next = *(volatile u64 *)&first->next;
        if (UNLIKELY(told == NO_PLACE || next == BUSY))
            break;
        if (LIKELY(replace_u64(free, told, next))) {
            *place = first;
            return told;
        }
    }
    return NO_PLACE;
}

/* Take what this CPU has to spare. There is none only where programs may interrupt each other, or above 1,024 CPUs. */
INLINE u64 take_spare(struct place **place)
{
    u64 told = exchange(spare(), NO_PLACE);
    *place = place_at(told);
    return told;
}

/* How a place of one's own is told from now on. */
INLINE u64 told_anew(struct place *place, u64 told)
{
    u64 times = place->times_left + 1;
    place->times_left = times;
    return times << PLACE_BITS | (told & PLACE_MASK);
}

/* Have it to spare. */
INLINE void put_by(struct place *place, u64 told)
{
    *(volatile u64 *)spare() = told_anew(place, told);
}

/* Let others have it. */
INLINE void let_go(struct spot *spot, struct place *place, u64 told)
{
    told = told_anew(place, told);
    place->next = BUSY;
    barrier();
    u64 next = exchange(free_of(spot), told);
    *(volatile u64 *)&place->next = next;
}

INLINE bool is_same(void *one, void *other, u32 bytes)
{
    u64 *words = one, *others = other, differ = 0;
#pragma unroll
    for (u32 i = 0; i < bytes / 8; i++)
        differ |= words[i] ^ others[i];
    return !differ;
}

INLINE bool is_there(struct spot *spot, struct connection *key)
{
    return is_same(&spot->place->key, key, sizeof(*key));
}

/* Make the slot tell this instead of what it told: then what that tells is one's own. False: it is another's, or has changed. */
INLINE bool put(struct spot *spot, u64 told)
{
    return LIKELY(replace_u32(&spot->slot->place, spot->held, (u32)told));
}

/* Take a place for a slot that has none, and keep others from the slot until it is published; NO_PLACE: there is none, or they were
 * there first. Done before anything is written: what is atomic waits for that. */
INLINE u64 claim(struct spot *spot, struct place **place)
{
    u64 told = take_place(spot, place);
    if (UNLIKELY(told != NO_PLACE && !put(spot, BUSY))) {
        let_go(spot, *place, told);
        told = NO_PLACE;
    }
    return told;
}

/* There is nothing to spare for what it becomes: what is known of it would be wrong, so it is followed no more. */
INLINE void give_up(struct account *account, struct spot *spot)
{
    if (put(spot, NO_PLACE)) {
        account->pending_full++;
        let_go(spot, spot->place, spot->held);
    }
}

/* Write what others may see by its slot once it is all there. */
INLINE void publish(struct spot *spot, u64 told)
{
    if (STORES_IN_ORDER) {
        barrier();
        *(volatile u32 *)&spot->slot->place = told;
    } else {
        replace_u32(&spot->slot->place, BUSY, (u32)told);
    }
}

INLINE void enter_table(struct spot *spot)
{
    lock_xadd(&spot->slot->elsewhere, 1);
}

/* It was deleted from its table, or there was no room for it. */
INLINE void leave_table(struct spot *spot)
{
    lock_xadd(&spot->slot->elsewhere, -1);
}

INLINE struct outbound *find_outbound(struct spot *spot, struct connection *key, u32 slot)
{
    if (!find_slot(spot, slot | OUTBOUND << SLOTS_BITS))
        return 0;
    touch(&spot->place->next);
    spot->is_elsewhere = !is_there(spot, key);
    if (!spot->is_elsewhere)
        return &spot->place->outbound;
    return spot->slot->elsewhere ? pending_outbound.lookup(key) : 0;
}

INLINE struct inbound *find_inbound(struct spot *spot, struct connection *key, u32 slot)
{
    if (!find_slot(spot, slot | INBOUND << SLOTS_BITS))
        return 0;
    touch(&spot->place->next);
    spot->is_elsewhere = !is_there(spot, key);
    if (!spot->is_elsewhere)
        return &spot->place->inbound;
    return spot->slot->elsewhere ? pending_inbound.lookup(key) : 0;
}

/* Remove the one found, if it is `as_read`; false: it has changed, or another CPU removed it. Whoever removes it reports it: so each
 * is reported once, whatever arrives twice or on two CPUs at a time. The place is let go of before anything is written to the
 * record, whose memory has to be fetched: an atomic operation waits for that. */
INLINE bool take_outbound(struct spot *spot, struct connection *key, struct outbound *found, struct outbound *taken,
                          struct outbound *as_read)
{
    if (UNLIKELY(spot->is_elsewhere)) {
        *taken = *found;
        if ((as_read && !is_same(taken, as_read, sizeof(*taken))) || pending_outbound.delete(key))
            return false;
        leave_table(spot);
        return true;
    }
    if (as_read && !is_same(found, as_read, sizeof(*found)))
        return false;
    u32 isn = found->isn;
#pragma clang loop unroll(disable)
    for (int i = 0; i < (as_read ? 1 : ATTEMPTS); i++) {
        if (LIKELY(put(spot, NO_PLACE))) {
            *taken = spot->place->outbound;
            let_go(spot, spot->place, spot->held);
            return true;
        }
        look_again(spot);
        if (!is_there(spot, key) || spot->place->outbound.isn != isn)
            break;
    }
    return false;
}

INLINE bool take_inbound(struct spot *spot, struct connection *key, struct inbound *found, struct inbound *taken,
                         struct inbound *as_read)
{
    if (UNLIKELY(spot->is_elsewhere)) {
        *taken = *found;
        if ((as_read && !is_same(taken, as_read, sizeof(*taken))) || pending_inbound.delete(key))
            return false;
        leave_table(spot);
        return true;
    }
    if (as_read && !is_same(found, as_read, sizeof(*found)))
        return false;
    u32 remote_isn = found->remote_isn, isn = found->isn;
#pragma clang loop unroll(disable)
    for (int i = 0; i < (as_read ? 1 : ATTEMPTS); i++) {
        if (LIKELY(put(spot, NO_PLACE))) {
            *taken = spot->place->inbound;
            let_go(spot, spot->place, spot->held);
            return true;
        }
        look_again(spot);
        if (!is_there(spot, key) || spot->place->inbound.remote_isn != remote_isn || spot->place->inbound.isn != isn)
            break;
    }
    return false;
}

/* Had user space reported it? To be asked once it is out of its table, and once. */
INLINE bool was_reported(struct connection *key, u32 isn)
{
    if (LIKELY(!GLANCE->has_reported))
        return false;
    u32 *mark = reported.lookup(key);
    return mark && *mark == isn && !reported.delete(key);
}

/* What became of a SYN that is looked up and, if it is new, put in a place. */
#define IS_NEW 0
#define IS_AGAIN 1
#define IS_ANOTHER 2 /* Of a port used again: it is put in the old one's place. */
#define IS_ELSEWHERE 3

INLINE void send_first(struct outbound *pending, u32 isn, u32 data_bytes, struct stamps *stamps, u64 now,
                       struct called *called, u64 cookie)
{
    pending->first_syn_ns = pending->last_syn_ns = now;
    pending->isn = isn;
    pending->data_bytes = data_bytes;
    pending->first_stamp = pending->last_stamp = stamps->value;
    pending->retransmits = 0;
    pending->stamped = stamps->present;
    take_caller(&pending->caller, called, cookie);
}

INLINE void send_again(struct outbound *pending, struct stamps *stamps, u64 now)
{
    pending->last_syn_ns = now;
    pending->last_stamp = stamps->value;
    pending->stamped &= stamps->present;
    pending->retransmits++;
}

/* Our SYN. The same ISN again is a retransmission; another one is a new connection from a port used again, of which the
 * old one's answer, should it still come, tells nothing. */
INLINE void syn_out(struct view *view, struct step *step, struct stamps *stamps)
{
    struct account *account = view->account;
    struct connection *key = &step->key;
    struct spot spot;
    struct place *own;
    u64 now = view->now;
    u32 isn = step->seq;
    u32 found = IS_NEW, old_isn = 0;
    bool is_another = false;
    find_slot(&spot, view->slot | OUTBOUND << SLOTS_BITS);
    if (UNLIKELY(spot.held != NO_PLACE))
        found = !is_there(&spot, key) ? IS_ELSEWHERE : spot.place->outbound.isn == isn ? IS_AGAIN : IS_ANOTHER;
    if (UNLIKELY(spot.slot->elsewhere) && (found == IS_NEW || found == IS_ELSEWHERE)) {
        struct outbound *pending = pending_outbound.lookup(key);
        if (pending && pending->isn == isn) {
            send_again(pending, stamps, now);
            account->syn_retransmits++;
            return;
        }
        old_isn = pending ? pending->isn : 0;
        if (pending && !pending_outbound.delete(key)) {
            is_another = true;
            leave_table(&spot);
        }
    }
    struct called *called = called_with(view->cookie);
    if (found == IS_AGAIN)
        account->syn_retransmits++;
    else
        account->syns++;
    u64 told = LIKELY(found == IS_NEW) ? claim(&spot, &own) : NO_PLACE;
    if (LIKELY(told != NO_PLACE)) {
        own->key = *key;
        send_first(&own->outbound, isn, step->data_bytes, stamps, now, called, view->cookie);
        publish(&spot, told);
    } else {
        told = take_spare(&own);
        if (told == NO_PLACE) {
            if (found == IS_AGAIN || found == IS_ANOTHER)
                give_up(account, &spot);
            account->pending_full += found != IS_AGAIN;
            return;
        }
        own->key = *key;
        if (found == IS_AGAIN) {
            own->outbound = spot.place->outbound;
            send_again(&own->outbound, stamps, now);
        } else {
            if (found == IS_ANOTHER)
                old_isn = spot.place->outbound.isn;
            send_first(&own->outbound, isn, step->data_bytes, stamps, now, called, view->cookie);
        }
        if ((found == IS_AGAIN || found == IS_ANOTHER) && put(&spot, told)) {
            is_another |= found == IS_ANOTHER;
            own = spot.place;
            told = spot.held;
        } else if (found != IS_AGAIN) { /* Else it was answered just now. */
            enter_table(&spot);
            if (pending_outbound.update(key, &own->outbound)) {
                account->pending_full++;
                leave_table(&spot);
            }
        }
        put_by(own, told);
    }
    if (UNLIKELY(is_another) && !was_reported(key, old_isn))
        account->superseded++;
}

INLINE void begin_inbound(struct inbound *pending, u32 isn, u32 data_bytes, u64 now)
{
    __builtin_memset(pending, 0, sizeof(*pending));
    pending->first_syn_ns = now;
    pending->remote_isn = isn;
    pending->remote_data_bytes = data_bytes;
}

INLINE void syn_in(struct view *view, struct step *step)
{
    struct account *account = view->account;
    struct connection *key = &step->key;
    struct spot spot;
    struct place *own;
    u32 isn = step->seq;
    u32 found = IS_NEW;
    bool is_another = false;
    find_slot(&spot, view->slot | INBOUND << SLOTS_BITS);
    if (UNLIKELY(spot.held != NO_PLACE))
        found = !is_there(&spot, key) ? IS_ELSEWHERE : spot.place->inbound.remote_isn == isn ? IS_AGAIN : IS_ANOTHER;
    if (UNLIKELY(spot.slot->elsewhere) && (found == IS_NEW || found == IS_ELSEWHERE)) {
        struct inbound *pending = pending_inbound.lookup(key);
        if (pending && pending->remote_isn == isn)
            found = IS_AGAIN;
        else if (pending && !pending_inbound.delete(key)) {
            is_another = true;
            leave_table(&spot);
        }
    }
    if (found == IS_AGAIN) {
        account->syn_retransmits++;
        return; /* Our answer may have been lost, or be late; either way its first SYN counts. */
    }
    account->syns++;
    u64 told = LIKELY(found == IS_NEW) ? claim(&spot, &own) : NO_PLACE;
    if (LIKELY(told != NO_PLACE)) {
        own->key = *key;
        begin_inbound(&own->inbound, isn, step->data_bytes, view->now);
        publish(&spot, told);
    } else {
        told = take_spare(&own);
        if (told == NO_PLACE) {
            if (found == IS_ANOTHER)
                give_up(account, &spot);
            account->pending_full++;
            return;
        }
        own->key = *key;
        begin_inbound(&own->inbound, isn, step->data_bytes, view->now);
        if (found == IS_ANOTHER && put(&spot, told)) {
            is_another = true;
            own = spot.place;
            told = spot.held;
        } else {
            enter_table(&spot);
            if (pending_inbound.update(key, &own->inbound)) {
                account->pending_full++;
                leave_table(&spot);
            }
        }
        put_by(own, told);
    }
    if (UNLIKELY(is_another))
        account->superseded++;
}

/* With another ISN than before it is a new answer (SYN cookies choose anew): the old one's acknowledgement would not match
 * any more. */
INLINE void answer(struct inbound *pending, u32 isn, u32 ack, struct stamps *stamps, u64 now)
{
    if (pending->first_answer_ns && pending->isn == isn) {
        pending->retransmits++;
        pending->stamped &= stamps->present;
    } else {
        pending->first_answer_ns = now;
        pending->isn = isn;
        pending->retransmits = 0;
        pending->stamped = stamps->present;
        pending->first_stamp = stamps->value;
    }
    pending->last_answer_ns = now;
    pending->last_stamp = stamps->value;
    pending->took_data = ack != pending->remote_isn + 1;
}

/* Our SYN-ACK. */
INLINE void syn_ack_out(struct view *view, struct spot *spot, struct inbound *pending, struct step *step,
                        struct stamps *stamps)
{
    u32 ack = step->ack, isn = step->seq;
    struct place *own;
    if (!acknowledges(ack, pending->remote_isn, pending->remote_data_bytes))
        return;
    if (spot->is_elsewhere) {
        answer(pending, isn, ack, stamps, view->now);
    } else {
        u64 told = take_spare(&own);
        if (UNLIKELY(told == NO_PLACE)) {
            give_up(view->account, spot);
            return;
        }
        own->key = step->key;
        own->inbound = *pending;
        answer(&own->inbound, isn, ack, stamps, view->now);
        bool is_put = put(spot, told);
        if (LIKELY(is_put)) {
            own = spot->place;
            told = spot->held;
        }
        put_by(own, told);
        if (UNLIKELY(!is_put))
            return;
    }
    await_ack(isn + 1);
}

/* The answer to our SYN: a SYN-ACK, a RST, or an ICMP error that quotes it. */
INLINE void end_outbound(struct view *view, struct spot *spot, struct connection *key, struct outbound *found, u8 outcome,
                         struct stamps *stamps, u32 remote_isn)
{
    struct account *account = view->account;
    u64 now = view->now ?: bpf_ktime_get_ns();
    struct outbound ours;
    if (UNLIKELY(!take_outbound(spot, key, found, &ours, 0)))
        return;
    u64 sent_ns = ours.first_syn_ns;
    if (UNLIKELY(ours.retransmits))
        sent_ns = answered_ns(stamps, ours.stamped, ours.first_stamp, ours.last_stamp, ours.first_syn_ns, ours.last_syn_ns);
    bool is_ambiguous = outcome == ESTABLISHED && !sent_ns;
    account->ambiguous += is_ambiguous;
    account->late += was_reported(key, ours.isn);
    struct writing writing;
    struct event *event = begin_event(&writing, account, key, now, OUTBOUND, outcome);
    if (!event)
        return;
    event->connect_ns = outcome == ESTABLISHED ? now - ours.first_syn_ns : 0;
    event->latency_ns = outcome == ESTABLISHED && sent_ns ? now - sent_ns : 0;
    event->answer_ns = 0;
    event->ambiguous = is_ambiguous;
    event->retransmits = ours.retransmits;
    event->identity = (u64)ours.isn << 32 | remote_isn;
    event->cgroup = ours.caller.cgroup;
    event->pid = ours.caller.pid;
    __builtin_memcpy(event->process, ours.caller.name, sizeof(event->process));
    end_record(&writing);
}

/* The far side acknowledges our SYN-ACK, or either side gives the handshake up. */
INLINE void end_inbound(struct view *view, struct spot *spot, struct connection *key, struct inbound *found, u8 outcome,
                        struct stamps *stamps)
{
    struct account *account = view->account;
    u64 now = bpf_ktime_get_ns();
    struct inbound theirs;
    if (UNLIKELY(!take_inbound(spot, key, found, &theirs, 0)))
        return;
    u64 sent_ns = theirs.first_answer_ns;
    if (UNLIKELY(theirs.retransmits))
        sent_ns = answered_ns(stamps, theirs.stamped, theirs.first_stamp, theirs.last_stamp, theirs.first_answer_ns,
                              theirs.last_answer_ns);
    bool is_ambiguous = outcome == ESTABLISHED && !sent_ns;
    account->ambiguous += is_ambiguous;
    struct writing writing;
    struct event *event = begin_event(&writing, account, key, now, INBOUND, outcome);
    if (!event)
        return;
    event->answer_ns = outcome == ESTABLISHED ? theirs.first_answer_ns - theirs.first_syn_ns : 0;
    event->latency_ns = outcome == ESTABLISHED && sent_ns ? now - sent_ns : 0;
    event->connect_ns = 0;
    event->ambiguous = is_ambiguous;
    event->retransmits = theirs.retransmits;
    event->identity = (u64)theirs.remote_isn << 32 | theirs.isn;
    event->cgroup = 0;
    event->pid = 0;
    __builtin_memset(event->process, 0, sizeof(event->process));
    end_record(&writing);
}

/* How what comes in ends a handshake of ours. A SYN-ACK or a RST that acknowledges our SYN does, and an ICMP error that quotes
 * it. A bare ACK (a challenge ACK, RFC 5961: the far side still has an old connection of these ports) does not: our side resets
 * the old one and sends its SYN again, and that one's answer is told by its timestamp. */
INLINE u8 outcome_of_ours(struct outbound *ours, struct step *step, u8 kind)
{
    if (kind == QUOTED)
        return step->seq == ours->isn ? UNREACHABLE : GOES_ON;
    if (!(kind & ACK) || !acknowledges(step->ack, ours->isn, ours->data_bytes))
        return GOES_ON;
    return kind & RST ? REFUSED : ESTABLISHED;
}

/* How what comes in ends a handshake of theirs: the acknowledgement of our SYN-ACK, a RST in answer to it, which acknowledges
 * nothing and has the number that our SYN-ACK asked for (RFC 9293, 3.10.7.1: they never meant to connect, or no longer do), or
 * an ICMP error that quotes it. */
INLINE u8 outcome_of_theirs(struct inbound *theirs, struct step *step, u8 kind)
{
    if (!theirs->first_answer_ns)
        return GOES_ON;
    if (kind == QUOTED)
        return step->seq == theirs->isn ? UNREACHABLE : GOES_ON;
    if (kind & RST)
        return acknowledges(step->seq, theirs->remote_isn, theirs->remote_data_bytes) ? REFUSED : GOES_ON;
    return step->ack == theirs->isn + 1 ? ESTABLISHED : GOES_ON;
}

/* How we end a handshake of theirs: we refuse their SYN by a RST or, a firewall, by an ICMP error that quotes it; or we give the
 * handshake up after our SYN-ACK. */
INLINE u8 outcome_by_us(struct inbound *theirs, struct step *step, u8 kind)
{
    if (kind == QUOTED)
        return step->seq == theirs->remote_isn ? UNREACHABLE : GOES_ON;
    if (theirs->first_answer_ns)
        return step->seq == theirs->isn + 1 ? REFUSED : GOES_ON;
    if (!(kind & ACK) || step->seq != REFUSAL_SEQ)
        return GOES_ON;
    return acknowledges(step->ack, theirs->remote_isn, theirs->remote_data_bytes) ? REFUSED : GOES_ON;
}

/* Whose handshake is it that a segment, or an ICMP error that quotes one, belongs to, and what becomes of it? A SYN-ACK to
 * nobody is counted: a scan with a forged source, or an answer that came after its SYN was forgotten. A duplicate of one already
 * seen looks the same here, the entry being gone. */
INLINE void match(struct view *view, struct step *step, struct stamps *stamps, u8 kind)
{
    struct spot spot;
    struct connection *key = &step->key;
    struct outbound *ours = view->ingress && kind != ACK ? find_outbound(&spot, key, view->slot) : 0;
    u8 outcome = ours ? outcome_of_ours(ours, step, kind) : GOES_ON;
    if (view->ingress && kind == (SYN | ACK) && outcome == GOES_ON)
        view->account->unsolicited++;
    if (ours) { /* Also their SYN: a simultaneous open (RFC 9293, figure 7) is one connection, and their SYN-ACK will answer ours. */
        if (outcome != GOES_ON)
            end_outbound(view, &spot, key, ours, outcome, stamps, kind == (SYN | ACK) ? step->seq : 0);
        return;
    }
    if (kind == SYN && view->ingress)
        syn_in(view, step);
    else if (kind == SYN)
        syn_out(view, step, stamps);
    if (kind == SYN || (view->ingress && kind == (SYN | ACK)))
        return;
    struct inbound *theirs = find_inbound(&spot, key, view->slot);
    if (!theirs)
        return;
    if (kind == (SYN | ACK)) {
        syn_ack_out(view, &spot, theirs, step, stamps);
        return;
    }
    outcome = view->ingress ? outcome_of_theirs(theirs, step, kind) : outcome_by_us(theirs, step, kind);
    if (outcome != GOES_ON)
        end_inbound(view, &spot, key, theirs, outcome, stamps);
}

INLINE bool is_error(u8 protocol, u8 type, u8 code)
{
    if (protocol == PROTO_ICMP)
        return (type == ICMP_UNREACHABLE && code != ICMP_FRAGMENTATION_NEEDED) || type == ICMP_TIME_EXCEEDED ||
               type == ICMP_PARAMETER_PROBLEM;
    return type == ICMPV6_UNREACHABLE || type == ICMPV6_TIME_EXCEEDED || type == ICMPV6_PARAMETER_PROBLEM;
}

/* An ICMP error quotes the packet it answers: its IP header and at least 8 bytes more, so ports and sequence number. One
 * that comes in may quote our SYN or our SYN-ACK, one that goes out (a firewall that rejects) their SYN. */
INLINE bool read_quote(struct view *view, struct datagram *ip, struct step *step)
{
    u8 header[ICMP_HEADER];
    u32 at = ip->payload_offset;
    struct segment tcp = {};
    if (bpf_skb_load_bytes(view->skb, at, header, sizeof(header)) || !is_error(ip->protocol, header[0], header[1]) ||
        parse_ip(view->skb, view->ethertype, at + ICMP_HEADER, ip) || ip->protocol != PROTO_TCP ||
        bpf_skb_load_bytes(view->skb, ip->payload_offset, &tcp, TCP_PORTS_AND_SEQ))
        return false;
    take_sides(step, view, ip->source, ip->destination, &tcp, view->ingress); /* It went the other way. */
    return true;
}

/* Is there room for another sample in this slice of time? 0: no; else how many intervals its flow should then let the others
 * go first. When more asked in the last slice than there is room for, lots (32 bits) are drawn: otherwise those who send first in a
 * slice would always win. */
INLINE u64 take_turn(u64 now, u64 lot)
{
    u32 zero = 0;
    u64 slice = now >> SLICE_SHIFT;
    struct budget *budget = flow_budget.lookup(&zero);
    if (!budget)
        return 0;
    if (budget->slice != slice) {
        budget->asked_before = budget->slice + 1 == slice ? budget->asked : 0;
        budget->slice = slice;
        budget->taken = budget->asked = 0;
    }
    bool are_many = budget->asked >= 4 * FLOW_BUDGET;
    if (!are_many || !(lot & 15)) /* Of many, one counts for 16: it waits for other CPUs. */
        lock_xadd(&budget->asked, are_many ? 16 : 1);
    u64 asked = budget->asked_before;
    if (budget->taken >= FLOW_BUDGET || lot * asked >> 32 >= FLOW_BUDGET)
        return 0;
    lock_xadd(&budget->taken, 1);
    return asked > FLOW_BUDGET ? 1 + asked / FLOW_BUDGET : 1;
}

/* What was delivered in the last rate sample, as tcp_compute_delivery_rate() has it. */
INLINE u32 delivery_rate_kbps(struct bpf_tcp_sock *tcp)
{
    if (!tcp->rate_interval_us)
        return 0;
    return (u64)tcp->rate_delivered * tcp->mss_cache * 8000 / tcp->rate_interval_us;
}

/* Is there room for a sample? Tells how long to wait before the next; if not, that is random, so that those who lose differ each
 * time. The nanosecond is random enough, and bpf_get_prandom_u32() takes 25 ns. */
INLINE bool is_room(struct account *account, u64 now, u64 *wait_ns)
{
    u64 interval_ns = FLOW_INTERVAL * 1000;
    u64 lots = now * 0x9e3779b97f4a7c15;
    u64 intervals = take_turn(now, lots >> 32);
    if (!intervals) {
        account->samples_thinned++;
        *wait_ns = interval_ns / 2 + (((u32)lots >> 8) * interval_ns >> 24);
        return false;
    }
    *wait_ns = intervals * interval_ns;
    return true;
}

INLINE void count_sample(struct account *account, void *record)
{
    if (record)
        account->samples++;
    else
        account->samples_lost++;
}

/* Is there room for a sample of it? And when is its next one due? */
INLINE bool may_sample(struct view *view, struct socket *socket, u64 now, bool closing)
{
    u64 wait_ns = 0;
    bool has_room = is_room(view->account, now, &wait_ns);
    socket->due_ns = closing ? NEVER : now + wait_ns;
    return has_room;
}

INLINE void sample(struct view *view, struct connection *key, struct socket *socket, struct bpf_tcp_sock *tcp, u64 now,
                   bool closing)
{
    struct writing writing;
    struct flow *flow = begin_record(&writing);
    count_sample(view->account, flow);
    if (!flow)
        return;
    flow->time_ns = now;
    flow->bytes_acked = tcp->bytes_acked;
    flow->bytes_received = tcp->bytes_received;
    flow->cookie = socket->cookie;
    __builtin_memcpy(flow->remote, key->remote, 16);
    __builtin_memcpy(flow->local, key->local, 16);
    __builtin_memcpy(flow->process, socket->caller.name, sizeof(flow->process));
    flow->kind = IS_FLOW | (closing ? IS_CLOSING : 0) | (socket->direction & 3);
    flow->cgroup = socket->caller.cgroup;
    flow->ifindex = key->ifindex;
    flow->pid = socket->caller.pid;
    flow->srtt_us = tcp->srtt_us >> 3;
    flow->min_rtt_us = tcp->rtt_min == NO_RTT ? 0 : tcp->rtt_min;
    flow->segments = tcp->data_segs_out;
    flow->retransmits = tcp->total_retrans;
    flow->delivery_rate_kbps = delivery_rate_kbps(tcp);
    flow->remote_port = key->remote_port;
    flow->local_port = key->local_port;
    flow->opened = socket->opened;
    flow->cwnd = tcp->snd_cwnd;
    end_record(&writing);
}

/* Who opened it? Our SYN counts as a byte acknowledged, our SYN-ACK does not: so, while we have sent no data, TCP tells. */
INLINE u32 opened_by(struct bpf_tcp_sock *tcp, bool has_caller)
{
    if (has_caller || (tcp->bytes_acked == 1 && !tcp->data_segs_out))
        return OUTBOUND;
    return tcp->bytes_acked ? UNKNOWN : INBOUND;
}

/* Is this the first segment that the connection's socket sends? */
INLINE bool is_first(struct __sk_buff *skb, struct bpf_tcp_sock *tcp)
{
    return tcp->segs_out <= (skb->gso_segs ?: 1);
}

INLINE void remember_opening(u32 hash, u64 now, u32 direction)
{
    u32 slot = hash * 0x9e3779b1 >> OPENINGS_SHIFT;
    struct opening *opening = flow_openings.lookup(&slot);
    if (!opening)
        return;
    opening->hash = hash;
    opening->opened = (u32)(now >> TICK_SHIFT) << 1 | direction;
}

/* 0: it is not known, or not any more. */
INLINE u32 opening_of(u32 hash)
{
    u32 slot = hash * 0x9e3779b1 >> OPENINGS_SHIFT;
    struct opening *opening = flow_openings.lookup(&slot);
    return opening && opening->hash == hash ? opening->opened : 0;
}

INLINE u64 age_ns(u32 opening, u64 now)
{
    return (u64)((u32)(now >> TICK_SHIFT) - (opening >> 1)) << TICK_SHIFT;
}

INLINE bool is_young(u32 opening, u64 now)
{
    u64 age = age_ns(opening, now);
    return opening && age < YOUNG_NS && age < FLOW_INTERVAL * 1000;
}

/* What is to be known of a connection that is looked at for the first time. Its first sample is due at once if it was there before
 * us, else when it is an interval old: the handshake was its first. */
INLINE void first_seen(struct socket *fresh, struct __sk_buff *skb, struct bpf_tcp_sock *tcp, u32 opening)
{
    u64 now = bpf_ktime_get_ns();
    fresh->cookie = bpf_get_socket_cookie(skb);
    bool has_caller = take_caller(&fresh->caller, called_with(fresh->cookie), fresh->cookie);
    if (!has_caller)
        fresh->caller.cgroup = bpf_skb_cgroup_id(skb);
    fresh->opened = opening >> 1;
    fresh->direction = opening ? opening & 1 : opened_by(tcp, has_caller);
    if (!opening && is_first(skb, tcp))
        fresh->opened = now >> TICK_SHIFT;
    fresh->due_ns = fresh->opened ? now - age_ns(fresh->opened << 1, now) + FLOW_INTERVAL * 1000 : 0;
}

INLINE u16 *door_of(struct __sk_buff *skb)
{
    u32 turn = skb->tstamp >> TURN_SHIFT;
    u32 door = (skb->hash ^ turn) * 0x9e3779b1; /* Other neighbours each turn. */
    return &DOORS_OPEN->opens[door >> DOOR_SHIFT];
}

INLINE bool is_shut(u16 *door, u64 now)
{
    return (u16)(*door - (u16)(now >> TICK_SHIFT) - 1) < TICKS_SHUT;
}

INLINE void shut(u16 *door, u64 now)
{
    *door = (now >> TICK_SHIFT) + TICKS_SHUT;
}

/* One that is reset by us is closed already when its RST leaves. */
INLINE bool may_be_connected(struct bpf_sock *sk, u32 opening)
{
    struct bpf_sock *full = bpf_sk_fullsock(sk);
    return full && full->type == SOCK_STREAM && (opening || CONNECTED >> (full->state & 31) & 1);
}

/* A segment leaves that a socket here sends, and its door is open, or it is the connection's last: a sample of it, if one is due.
 * A connection is remembered on its socket once it is not young any more; one that ends before is sampled all the same. */
INLINE void look_at_socket(struct view *view, struct bpf_sock *sk, u16 ethertype, u32 offset, u8 flags, u64 now)
{
    struct __sk_buff *skb = view->skb;
    bool closing = flags & (FIN | RST);
    struct datagram ip;
    struct connection key;
    struct {
        u16 source, destination;
    } ports;
    u64 wait_ns = 0;
    struct socket fresh, *socket = 0;
    /* Of one that ends, most were opened a moment ago: then there is nothing on its socket. */
    u32 opening = closing ? opening_of(skb->hash) : 0;
    bool young = closing && is_young(opening, now);
    if (!young)
        socket = bpf_sk_storage_get(SOCKETS, sk, 0, 0);
    if (socket && (closing ? socket->due_ns == NEVER : now < socket->due_ns))
        return;
    if (!closing && !socket) {
        opening = opening_of(skb->hash);
        if (is_young(opening, now))
            return;
    }
    if (!socket && !may_be_connected(sk, opening))
        return;
    struct bpf_tcp_sock *tcp = bpf_tcp_sock(sk);
    if (!tcp)
        return;
    if (young) { /* That there is room comes first, since many end. */
        if (!tcp->srtt_us || !is_room(view->account, now, &wait_ns))
            return;
        first_seen(&fresh, skb, tcp, opening);
        socket = &fresh;
    } else {
        if (!socket) {
            first_seen(&fresh, skb, tcp, opening);
            socket = bpf_sk_storage_get(SOCKETS, sk, &fresh, BPF_SK_STORAGE_GET_F_CREATE);
        }
        if (!socket || !tcp->srtt_us || (!closing && now < socket->due_ns) || !may_sample(view, socket, now, closing))
            return;
    }
    if (parse_ip(skb, ethertype, offset, &ip) || bpf_skb_load_bytes(skb, ip.payload_offset, &ports, sizeof(ports)))
        return;
    key_of(&key, ifindex_of(skb), ip.source, ip.destination, ports.source, ports.destination);
    sample(view, &key, socket, tcp, bpf_ktime_get_ns(), closing);
}

/* A SYN or SYN-ACK leaves. What follows it soon is young, so the door is shut to that. */
INLINE void begin_flow(struct __sk_buff *skb, u64 now, u32 direction)
{
    remember_opening(skb->hash, now, direction);
    shut(door_of(skb), now);
}

/* Anything but a SYN leaves. TCP stamps what it sends with the time, so that most packets need not ask for it. What has left its network
 * namespace has lost the stamp. */
INLINE void flow_out(struct view *view, u16 ethertype, u32 offset, u8 flags)
{
    struct __sk_buff *skb = view->skb;
    struct bpf_sock *sk = skb->sk;
    if (!sk) /* Forwarded: no connection of ours. */
        return;
    u64 now = skb->tstamp ?: bpf_ktime_get_ns();
    if (flags & SYN) { /* Of a socket that is to be. */
        begin_flow(skb, now, INBOUND);
        return;
    }
    if (!(flags & (FIN | RST))) {
        u16 *door = door_of(skb);
        if (is_shut(door, now))
            return;
        shut(door, now);
    }
    look_at_socket(view, sk, ethertype, offset, flags, now);
}

/* A RST comes in. TCP takes it if it has exactly the number that is due (RFC 5961, section 3.2), so it is the last of the
 * connection, of which nothing will leave any more. Without a round trip (it refuses our SYN) there was none. */
INLINE void reset_in(struct view *view, struct step *step)
{
    struct bpf_sock_tuple tuple = {};
    struct connection *key = &step->key;
    bool is_ipv4 = view->ethertype == bpf_htons(ETH_IPV4);
    if (is_ipv4) {
        tuple.ipv4.saddr = ((u32 *)key->remote)[3];
        tuple.ipv4.daddr = ((u32 *)key->local)[3];
        tuple.ipv4.sport = bpf_htons(key->remote_port);
        tuple.ipv4.dport = bpf_htons(key->local_port);
    } else {
        __builtin_memcpy(tuple.ipv6.saddr, key->remote, 16);
        __builtin_memcpy(tuple.ipv6.daddr, key->local, 16);
        tuple.ipv6.sport = bpf_htons(key->remote_port);
        tuple.ipv6.dport = bpf_htons(key->local_port);
    }
    u32 bytes = is_ipv4 ? sizeof(tuple.ipv4) : sizeof(tuple.ipv6);
    struct bpf_sock *sk = bpf_sk_lookup_tcp(view->skb, &tuple, bytes, BPF_F_CURRENT_NETNS, 0);
    if (!sk)
        return;
    struct socket *socket = bpf_sk_storage_get(SOCKETS, sk, 0, 0);
    struct bpf_tcp_sock *ours = bpf_tcp_sock(sk);
    u64 now = bpf_ktime_get_ns();
    if (socket && socket->due_ns != NEVER && ours && ours->srtt_us && ours->rcv_nxt == step->seq &&
        may_sample(view, socket, now, true))
        sample(view, key, socket, ours, now, true);
    bpf_sk_release(sk);
}

/* A sample of one half, if there is room. */
INLINE void report(struct view *view, struct connection *key, struct half *half, u64 cookie, bool is_out, u64 now,
                   bool closing)
{
    struct writing writing;
    u64 wait_ns = 0;
    if (!half->srtt_us8)
        return;
    bool has_room = is_room(view->account, now, &wait_ns);
    half->due_ns = now + wait_ns;
    if (!has_room)
        return;
    struct flow *flow = begin_record(&writing);
    count_sample(view->account, flow);
    if (!flow)
        return;
    __builtin_memset(flow, 0, sizeof(*flow));
    flow->time_ns = now;
    flow->cookie = is_out ? cookie : cookie | 1;
    flow->kind = IS_FLOW | IS_FORWARDED | (closing ? IS_CLOSING : 0) | UNKNOWN;
    flow->ifindex = key->ifindex;
    flow->srtt_us = half->srtt_us8 >> 3;
    flow->min_rtt_us = half->min_rtt_us;
    flow->remote_port = is_out ? key->remote_port : key->local_port;
    flow->local_port = is_out ? key->local_port : key->remote_port;
    __builtin_memcpy(flow->remote, is_out ? key->remote : key->local, 16);
    __builtin_memcpy(flow->local, is_out ? key->local : key->remote, 16);
    end_record(&writing);
}

/* A segment passes towards the half's host. The first one that carries a TSval, and data or a FIN so that it will be acknowledged,
 * is the one that the TSval's echo will be to. Whatever is sent again leaves that in doubt (Karn). */
INLINE void await_echo(struct half *half, u32 value, u32 seq, u32 bytes, u64 now)
{
    bool is_known = half->newest_ns && now - half->newest_ns < STALE_NS;
    bool is_new = !is_known || (s32)(value - half->newest) > 0;
    bool is_again = is_known && bytes && (s32)(seq - half->next_seq) < 0;
    u32 now_us = now / NS_PER_US;
    u64 awaited = half->awaited;
    if (is_again)
        half->awaited = 0;
    else if (is_new && bytes && half->newest_ns && (!awaited || now_us - (u32)awaited > STALE_US))
        half->awaited = (u64)value << 32 | now_us;
    if (!is_known || (s32)(seq + bytes - half->next_seq) > 0)
        half->next_seq = seq + bytes;
    if (is_new) {
        half->newest = value;
        half->newest_ns = now;
    }
}

/* A segment comes back from the half's host. Is its echo the one awaited? A later one says that this will not come any more.
 * RFC 6298, section 2, without what is for retransmission timers. */
INLINE bool hear_echo(struct half *half, u32 echo, u64 now)
{
    u64 awaited = half->awaited;
    s32 later = echo - (u32)(awaited >> 32);
    if (!awaited || later < 0)
        return false;
    half->awaited = 0;
    u32 rtt_us = (u32)(now / NS_PER_US) - (u32)awaited;
    if (later || rtt_us > STALE_US)
        return false;
    rtt_us = rtt_us ?: 1;
    half->srtt_us8 = half->srtt_us8 ? half->srtt_us8 + rtt_us - (half->srtt_us8 >> 3) : rtt_us << 3;
    if (!half->min_rtt_us || rtt_us < half->min_rtt_us)
        half->min_rtt_us = rtt_us;
    return true;
}

/* Only what leaves without a socket makes an entry: a connection of our own comes in here, too. */
INLINE struct passing *begin_passing(struct connection *key, u64 now)
{
    u32 zero = 0;
    struct newcomer *fresh = newcomers.lookup(&zero);
    if (!fresh)
        return 0;
    if (!fresh->number)
        fresh->number = now >> PASSING_EPOCH_SHIFT;
    fresh->passing.cookie = PASSING_COOKIE | (++fresh->number & PASSING_NUMBER_MASK) << PASSING_NUMBER_SHIFT |
                            (bpf_get_smp_processor_id() & PASSING_CPU_MASK) << 1;
    passings.update(key, &fresh->passing);
    return passings.lookup(key);
}

/* The last samples of a connection, when it is reset or both sides have said that they are done. */
INLINE void report_end(struct view *view, struct connection *key, struct passing *passing, u64 now)
{
    report(view, key, &passing->out, passing->cookie, true, now, true);
    report(view, key, &passing->in, passing->cookie, false, now, true);
}

/* What a segment that is forwarded says by its timestamps. */
INLINE void follow_passing(struct view *view, struct connection *key, struct segment *tcp, u32 value, u32 echo, u32 bytes)
{
    u64 now = bpf_ktime_get_ns();
    bool ingress = view->ingress;
    u8 flags = tcp->flags;
    struct passing *passing = passings.lookup(key);
    if (flags & (SYN | RST)) {
        if (!passing || (flags & (SYN | ACK)) == (SYN | ACK))
            return;
        if (flags & RST)
            report_end(view, key, passing, now);
        passings.delete(key);
        return;
    }
    if (!passing) {
        if (ingress || flags & FIN)
            return;
        passing = begin_passing(key, now);
        if (!passing)
            return;
    }
    bool was_over = passing->fin_out && passing->fin_in;
    if (was_over && !(flags & FIN)) { /* The last acknowledgement. */
        passings.delete(key);
        return;
    }
    struct half *towards = ingress ? &passing->in : &passing->out;
    struct half *from = ingress ? &passing->out : &passing->in;
    await_echo(towards, value, bpf_ntohl(tcp->seq), bytes, now);
    bool is_heard = flags & ACK && hear_echo(from, echo, now);
    if (flags & FIN && ingress)
        passing->fin_in = 1;
    else if (flags & FIN)
        passing->fin_out = 1;
    if (!was_over && passing->fin_out && passing->fin_in)
        report_end(view, key, passing, now);
    else if (is_heard && now >= from->due_ns)
        report(view, key, from, passing->cookie, ingress, now, false);
}

INLINE void passing_key(struct connection *key, struct view *view, u32 *source, u32 *destination, u32 words)
{
    u32 *local = view->ingress ? destination : source;
    u32 *remote = view->ingress ? source : destination;
    __builtin_memset(key, 0, sizeof(*key));
    if (words == 1)
        key->remote[10] = key->remote[11] = key->local[10] = key->local[11] = 0xff;
    __builtin_memcpy(key->remote + 16 - words * 4, remote, words * 4);
    __builtin_memcpy(key->local + 16 - words * 4, local, words * 4);
    key->ifindex = ifindex_of(view->skb);
}

/* A TCP segment without a socket leaves, or any comes in: read it as far as the timestamps. A RST need not have any. The quick
 * look has seen its headers. */
INLINE void pass(struct view *view, u16 ethertype, u32 offset, u8 *ip, u8 *end, u8 flags)
{
    struct connection key;
    struct {
        u32 kind, value, echo;
    } option = {};
    struct segment *tcp;
    if (ethertype == bpf_htons(ETH_IPV4)) {
        struct ipv4 *header = (struct ipv4 *)ip;
        tcp = (struct segment *)(header + 1);
        if ((u8 *)(tcp + 1) > end || header->fragment & bpf_htons(IPV4_FRAGMENT))
            return;
        passing_key(&key, view, &header->source, &header->destination, 1);
        offset += IPV4_HEADER;
    } else {
        struct ipv6 *header = (struct ipv6 *)ip;
        tcp = (struct segment *)(header + 1);
        if ((u8 *)(tcp + 1) > end)
            return;
        passing_key(&key, view, header->source, header->destination, 4);
        offset += IPV6_HEADER;
    }
    key.remote_port = bpf_ntohs(view->ingress ? tcp->source_port : tcp->destination_port);
    key.local_port = bpf_ntohs(view->ingress ? tcp->destination_port : tcp->source_port);
    if (!(flags & (SYN | RST)) &&
        (header_bytes(tcp) < TCP_HEADER + sizeof(option) ||
         bpf_skb_load_bytes(view->skb, offset + TCP_HEADER, &option, sizeof(option)) ||
         option.kind != bpf_htonl(TCP_TIMESTAMPS_FIRST)))
        return;
    u32 bytes = view->skb->len - offset - header_bytes(tcp) + (flags & FIN);
    follow_passing(view, &key, tcp, bpf_ntohl(option.value), bpf_ntohl(option.echo), bytes);
}

/* Read what the quick look could not. READABLE with another `kind` than GOES_ON: it may belong to a handshake. */
INLINE int parse(struct view *view, u32 offset, struct step *step)
{
    struct datagram ip;
    struct segment tcp;
    u16 ethertype = view->ethertype;
    if (ethertype != bpf_htons(ETH_IPV4) && ethertype != bpf_htons(ETH_IPV6))
        return READABLE;
    int unreadable = parse_ip(view->skb, ethertype, offset, &ip);
    if (unreadable)
        return unreadable;
    if (ip.protocol == (ethertype == bpf_htons(ETH_IPV4) ? PROTO_ICMP : PROTO_ICMPV6)) {
        if (read_quote(view, &ip, step))
            view->kind = QUOTED;
        return READABLE;
    }
    if (ip.protocol != PROTO_TCP)
        return READABLE;
    if (bpf_skb_load_bytes(view->skb, ip.payload_offset, &tcp, sizeof(tcp)))
        return TRUNCATED;
    unreadable = take_segment(step, view, ip.source, ip.destination, &tcp, ip.payload_offset, ip.payload_bytes);
    if (!unreadable && may_matter(tcp.flags, tcp.seq, tcp.ack, view->ingress))
        view->kind = tcp.flags & (SYN | RST | ACK);
    return unreadable;
}

/* The compiler makes three of it: one for our SYNs, one for the SYN-ACKs that answer them, one for whatever else there is, and for
 * those in what the quick look cannot read. */
INLINE void look_fully(struct view *view, struct step *step, u8 *end, bool ingress, u8 kind)
{
    struct stamps stamps = {};
    view->ingress = ingress;
    /* First the clock, which waits for whatever was asked of memory before. */
    if (kind & SYN)
        view->now = bpf_ktime_get_ns();
    if (kind == SYN && !ingress)
        view->cookie = bpf_get_socket_cookie(view->skb);
    view->slot = slot_number(&step->key);
    if (!(kind & RST) && (kind & ACK || !ingress) && kind != QUOTED && /* Nobody asks for those of a RST, and of their SYN. */
        UNLIKELY(!find_usual_stamps(view->options, end, step->options_bytes, &stamps)))
        search_stamps(view->skb, step, &stamps);
    match(view, step, &stamps, kind);
    if (FLOW_INTERVAL && ingress && kind & RST)
        reset_in(view, step);
}

/* What the device did not strip comes before the packet's own type: VLAN tags, then PPPoE. Other wrappings (IP in IP,
 * GRE, VXLAN) are packets of their own kind; what is in them is measured where it is unwrapped, on the tunnel's device. */
INLINE int unwrap(struct view *view, u32 offset, struct step *step)
{
    u16 ethertype = view->ethertype;
    for (int i = 0; i < MAX_VLAN_TAGS; i++) {
        if (ethertype != bpf_htons(ETH_VLAN) && ethertype != bpf_htons(ETH_QINQ))
            break;
        if (bpf_skb_load_bytes(view->skb, offset + 2, &ethertype, sizeof(ethertype)))
            return TRUNCATED;
        offset += VLAN_TAG;
    }
    if (ethertype == bpf_htons(ETH_PPPOE)) {
        u16 protocol;
        if (bpf_skb_load_bytes(view->skb, offset + PPPOE_PROTOCOL_OFFSET, &protocol, sizeof(protocol)))
            return TRUNCATED;
        if (protocol != bpf_htons(PPP_IPV4) && protocol != bpf_htons(PPP_IPV6))
            return READABLE;
        ethertype = protocol == bpf_htons(PPP_IPV4) ? bpf_htons(ETH_IPV4) : bpf_htons(ETH_IPV6);
        offset += PPPOE_HEADER;
    }
    view->ethertype = ethertype;
    return parse(view, offset, step);
}

/* Count the packet; look closer if need be; hand it on. Devices without a link header (TUN, WireGuard, PPP) do not say
 * which IP it is: the version nibble does. */
int handshake(struct __sk_buff *skb)
{
    u8 *data = (u8 *)(long)skb->data;
    u8 *end = (u8 *)(long)skb->data_end;
    u32 number = ACCOUNT;
    u32 offset = LINK_HEADER;
    bool ingress = IS_INGRESS;
    struct account *account = accounts.lookup(&number);
    if (UNLIKELY(!account || data + ETH_HEADER > end))
        return NEXT_PROGRAM;
    account->packets++;
    u16 ethertype = LIKELY(offset)             ? *(u16 *)(data + ETH_TYPE_OFFSET)
                    : data[0] >> 4 == 6 ? bpf_htons(ETH_IPV6)
                                        : bpf_htons(ETH_IPV4);
    u8 *ip = data + offset;
    u8 *tcp = plain_tcp(ethertype, ip, end);
    struct view view = {.skb = skb, .account = account, .ingress = ingress, .ethertype = ethertype, .kind = GOES_ON};
    struct step step;
    int unreadable;
    if (LIKELY(tcp)) {
        u8 flags = tcp[TCP_FLAGS_OFFSET];
        if (FLOW_INTERVAL && !ingress && (flags & (SYN | ACK)) != SYN)
            flow_out(&view, ethertype, offset, flags);
        if (IS_FORWARDING && (ingress || !skb->sk))
            pass(&view, ethertype, offset, ip, end, flags);
        if (UNLIKELY(!may_matter(flags, *(u32 *)(tcp + TCP_SEQ_OFFSET), *(u32 *)(tcp + TCP_ACK_OFFSET), ingress)))
            return NEXT_PROGRAM;
        unreadable = read_plain(&view, offset, ip, end, &step, &view.options);
        view.kind = flags & (SYN | RST | ACK);
        if (LIKELY(view.kind == SYN && !ingress && !unreadable)) {
            look_fully(&view, &step, end, false, SYN);
            /* Last, since it may have to be fetched from memory: nothing is to wait for that. */
            if (FLOW_INTERVAL && skb->sk)
                begin_flow(skb, view.now, OUTBOUND);
            return NEXT_PROGRAM;
        }
        if (LIKELY(view.kind == (SYN | ACK) && ingress && !unreadable)) {
            look_fully(&view, &step, end, true, SYN | ACK);
            return NEXT_PROGRAM;
        }
    } else {
        if (!may_hide(ethertype, ip, end))
            return NEXT_PROGRAM;
        __builtin_memset(&step, 0, sizeof(step));
        unreadable = unwrap(&view, offset, &step);
    }
    if (unreadable > READABLE && unreadable <= TOO_DEEP)
        account->unreadable[unreadable]++;
    else if (view.kind != GOES_ON)
        look_fully(&view, &step, end, ingress, view.kind);
    return NEXT_PROGRAM;
}

/* Run by user space alone, for what was never answered: 1 if it was removed, 0 if it has changed or ended meanwhile. */
int forget(struct __sk_buff *skb)
{
    struct request request;
    struct spot spot;
    if (bpf_skb_load_bytes(skb, 0, &request, sizeof(request)))
        return 0;
    if (request.direction == OUTBOUND) {
        struct outbound taken, *ours = find_outbound(&spot, &request.key, slot_number(&request.key));
        return ours && take_outbound(&spot, &request.key, ours, &taken, &request.outbound);
    }
    struct inbound taken, *theirs = find_inbound(&spot, &request.key, slot_number(&request.key));
    return theirs && take_inbound(&spot, &request.key, theirs, &taken, &request.inbound);
}

/* Runs in connect(), in the caller's own context, and never refuses. The hook on egress would often know the process too,
 * but not always rightly: a SYN that waits for its neighbour's address leaves in whatever context that arrives in. */
INLINE int remember_caller(struct bpf_sock_addr *address)
{
    if (address->protocol != PROTO_TCP)
        return 1;
    u64 cookie = bpf_get_socket_cookie(address);
    struct called *called = called_with(cookie);
    if (!called)
        return 1;
    called->cookie = 0;
    barrier();
    called->caller.pid = bpf_get_current_pid_tgid() >> 32;
    called->caller.cgroup = bpf_get_current_cgroup_id();
    bpf_get_current_comm(called->caller.name, sizeof(called->caller.name));
    barrier();
    called->cookie = cookie;
    return 1;
}

int connect4(struct bpf_sock_addr *address)
{
    return remember_caller(address);
}

int connect6(struct bpf_sock_addr *address)
{
    return remember_caller(address);
}
