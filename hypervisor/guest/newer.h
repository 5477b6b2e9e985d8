/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the public headers of Xen 4.17 lack and later ones have; numbers as there (vcpu.h and features.h of Xen 4.19). Goes when libxen-dev has
 * them.
 */
#ifndef GUEST_NEWER_H
#define GUEST_NEWER_H

#include <xen/features.h>
#include <xen/vcpu.h>

#ifndef VCPUOP_register_runstate_phys_area
#define VCPUOP_register_runstate_phys_area	14
#define VCPUOP_register_vcpu_time_phys_area	15
#define XENFEAT_runstate_phys_area		18
#define XENFEAT_vcpu_time_phys_area		19
#endif

#endif
