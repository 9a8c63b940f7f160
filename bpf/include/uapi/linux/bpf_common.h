/* Classic BPF's instruction fields, which bcc's bpf.h includes; the probe is C and uses none of them. */
