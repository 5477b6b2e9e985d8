/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Xen's netif ABI and the kernel's types, for the files that compile for the host as well. The kernel has Xen's header with longer
 * names; libxen-dev's, which the host uses, gets them here.
 */
#ifndef HVN_NETIF_ABI_H
#define HVN_NETIF_ABI_H

#ifdef __KERNEL__

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/string.h>
#include <linux/types.h>
#include <xen/interface/io/netif.h>

#else

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <xen/xen.h>
#include <xen/io/netif.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define xen_netif_tx_request		netif_tx_request
#define xen_netif_tx_sring_entry	netif_tx_sring_entry
#define xen_netif_extra_info		netif_extra_info
#define XEN_NETTXF_more_data		NETTXF_more_data
#define XEN_NETTXF_extra_info		NETTXF_extra_info

#endif

#endif /* HVN_NETIF_ABI_H */
