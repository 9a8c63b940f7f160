/* Forced in front of every program by bcc, which asks for nothing of the kernel's configuration but this. */
#define CONFIG_BPF_SYSCALL 1
