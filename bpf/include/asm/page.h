/* bcc multiplies the ring's pages by this: a unit of size, whatever the machine's own page. */
#define PAGE_SIZE 4096
