/* bcc compares the version only to pick workarounds for kernels that tcplat does not run on. */
#define LINUX_VERSION_CODE KERNEL_VERSION(5, 15, 0)
#define KERNEL_VERSION(major, minor, patch) (((major) << 16) + ((minor) << 8) + (patch))
