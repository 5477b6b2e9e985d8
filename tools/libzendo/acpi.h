/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ACPI tables of a guest: RSDP, XSDT, FADT (hardware reduced, no legacy devices), MADT (local
 * APICs only, no I/O APIC), DSDT (nothing in it). See ACPI 6.2, chapter 5.2.
 */
#ifndef ZENDO_ACPI_H
#define ZENDO_ACPI_H

#include <stddef.h>
#include <stdint.h>

struct zendo_acpi_params {
	uint64_t base;		/* guest-physical address of the buffer's first byte, multiple of 16 */
	unsigned vcpus;		/* enabled at start: APIC id = UID = number, from 0 */
	unsigned maxvcpus;	/* entries; those from vcpus on are disabled */
};

/* Bytes that zendo_acpi_build() fills for these parameters. */
size_t zendo_acpi_size(const struct zendo_acpi_params *p);

/*
 * Write the tables to @buf. 0 and the guest-physical address of the RSDP, or -ENOBUFS (@size less
 * than zendo_acpi_size()), -EINVAL (no vCPU, vcpus > maxvcpus, base not aligned).
 */
int zendo_acpi_build(const struct zendo_acpi_params *p, void *buf, size_t size, uint64_t *ret_rsdp);

#endif
