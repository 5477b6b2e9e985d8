/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GUEST_VERSION_H
#define GUEST_VERSION_H

/* 4.17: the headers this is built with. Linux trusts xs_reset_watches from major 4 on. */
#define XEN_VERSION	(4 << 16 | 17)

#endif
