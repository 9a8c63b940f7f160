/* Included by bcc's helpers.h; nothing of it is used by the probe. */
