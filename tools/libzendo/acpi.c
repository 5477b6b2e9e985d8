/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "acpi.h"

/* ACPI 6.2, table 5-30 */
struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));
static_assert(sizeof(struct acpi_header) == 36, "ACPI 5.2.6");

struct acpi_rsdp {
	char signature[8];
	uint8_t checksum;		/* of the first 20 bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt_address;
	uint32_t length;
	uint64_t xsdt_address;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} __attribute__((packed));
static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI 5.2.5.3");

struct acpi_xsdt {
	struct acpi_header header;
	uint64_t entry[2];
} __attribute__((packed));

struct acpi_gas {
	uint8_t space_id, bit_width, bit_offset, access_size;
	uint64_t address;
} __attribute__((packed));

/* ACPI 6.2, table 5-33; fields that hardware reduced ACPI leaves 0 are grouped. */
struct acpi_fadt {
	struct acpi_header header;
	uint32_t firmware_ctrl, dsdt;
	uint8_t reserved0, preferred_pm_profile;
	uint8_t legacy_pm[62];		/* SCI_INT .. MON_ALRM */
	uint8_t century;
	uint16_t iapc_boot_arch;	/* offset 109 */
	uint8_t reserved1;
	uint32_t flags;			/* offset 112 */
	struct acpi_gas reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor_version;
	uint64_t x_firmware_ctrl, x_dsdt;
	struct acpi_gas x_pm[8];
	struct acpi_gas sleep_control, sleep_status;
	uint64_t hypervisor_vendor;
} __attribute__((packed));
static_assert(offsetof(struct acpi_fadt, iapc_boot_arch) == 109, "ACPI 5.2.9");
static_assert(offsetof(struct acpi_fadt, flags) == 112, "ACPI 5.2.9");
static_assert(offsetof(struct acpi_fadt, x_dsdt) == 140, "ACPI 5.2.9");
static_assert(offsetof(struct acpi_fadt, sleep_control) == 244, "ACPI 5.2.9");
static_assert(sizeof(struct acpi_fadt) == 276, "ACPI 5.2.9");

#define FADT_REVISION		6	/* and minor 0: from 6.3 on MADT's "online capable" flag counts */
#define FADT_BOOT_NO_VGA	(1U << 2)
#define FADT_BOOT_NO_CMOS_RTC	(1U << 5)
#define FADT_FLAG_WBINVD	(1U << 0)
#define FADT_FLAG_HW_REDUCED	(1U << 20)

struct acpi_madt {
	struct acpi_header header;
	uint32_t lapic_address;
	uint32_t flags;			/* PCAT_COMPAT = 0: there is no 8259 */
} __attribute__((packed));

struct acpi_lapic {			/* type 0 */
	uint8_t type, length, uid, apic_id;
	uint32_t flags;
} __attribute__((packed));
static_assert(sizeof(struct acpi_lapic) == 8, "ACPI 5.2.12.2");

struct acpi_x2apic {			/* type 9 */
	uint8_t type, length;
	uint16_t reserved;
	uint32_t apic_id, flags, uid;
} __attribute__((packed));
static_assert(sizeof(struct acpi_x2apic) == 16, "ACPI 5.2.12.12");

#define MADT_ENABLED		(1U << 0)
#define MADT_FIRST_X2APIC	255	/* ids from here on do not fit into type 0 */
#define LAPIC_ADDRESS		0xfee00000

/* Scope (\_SB) {}: a definition block may not be quite empty for every interpreter. */
static const uint8_t dsdt_aml[] = { 0x10, 0x06, '\\', '_', 'S', 'B', '_' };

/* Where each table lies, from the start of the buffer. */
struct layout {
	size_t rsdp, xsdt, fadt, madt, dsdt, end;
};

static size_t align16(size_t v)
{
	return (v + 15) & ~(size_t)15;
}

static size_t madt_size(unsigned maxvcpus)
{
	unsigned small = maxvcpus < MADT_FIRST_X2APIC ? maxvcpus : MADT_FIRST_X2APIC;

	return sizeof(struct acpi_madt) + small * sizeof(struct acpi_lapic) +
	       (size_t)(maxvcpus - small) * sizeof(struct acpi_x2apic);
}

static struct layout make_layout(const struct zendo_acpi_params *p)
{
	struct layout l = { .rsdp = 0 };

	l.xsdt = align16(sizeof(struct acpi_rsdp));
	l.fadt = align16(l.xsdt + sizeof(struct acpi_xsdt));
	l.madt = align16(l.fadt + sizeof(struct acpi_fadt));
	l.dsdt = align16(l.madt + madt_size(p->maxvcpus));
	l.end = l.dsdt + sizeof(struct acpi_header) + sizeof(dsdt_aml);
	return l;
}

static uint8_t checksum(const void *data, size_t len)
{
	const uint8_t *b = data;
	uint8_t sum = 0;

	while (len--)
		sum += *b++;
	return (uint8_t)-sum;
}

static void start_table(struct acpi_header *h, const char *signature, uint8_t revision, size_t length)
{
	memcpy(h->signature, signature, sizeof(h->signature));
	h->length = (uint32_t)length;
	h->revision = revision;
	memcpy(h->oem_id, "ZENDO ", sizeof(h->oem_id));
	memcpy(h->oem_table_id, "ZENDOPVH", sizeof(h->oem_table_id));
	h->oem_revision = 1;
	memcpy(h->creator_id, "ZNDO", sizeof(h->creator_id));
	h->creator_revision = 1;
}

static void finish_table(struct acpi_header *h)
{
	h->checksum = 0;
	h->checksum = checksum(h, h->length);
}

static void write_rsdp(uint8_t *at, uint64_t xsdt)
{
	struct acpi_rsdp t = { .revision = 2, .length = sizeof(t), .xsdt_address = xsdt };

	memcpy(t.signature, "RSD PTR ", sizeof(t.signature));
	memcpy(t.oem_id, "ZENDO ", sizeof(t.oem_id));
	t.checksum = checksum(&t, 20);
	t.extended_checksum = checksum(&t, sizeof(t));
	memcpy(at, &t, sizeof(t));
}

static void write_xsdt(uint8_t *at, uint64_t fadt, uint64_t madt)
{
	struct acpi_xsdt t = { .entry = { fadt, madt } };

	start_table(&t.header, "XSDT", 1, sizeof(t));
	finish_table(&t.header);
	memcpy(at, &t, sizeof(t));
}

/*
 * NO_VGA and NO_CMOS_RTC together are also how Linux knows a PVH guest when it was not entered
 * through the PVH entry (chain-loaded by GRUB). Sleep registers stay 0: power-off is a halt with
 * interrupts disabled, which the hypervisor takes for what it is.
 */
static void write_fadt(uint8_t *at, uint64_t dsdt)
{
	struct acpi_fadt t = {
		.iapc_boot_arch = FADT_BOOT_NO_VGA | FADT_BOOT_NO_CMOS_RTC,
		.flags = FADT_FLAG_WBINVD | FADT_FLAG_HW_REDUCED,
		.dsdt = dsdt <= UINT32_MAX ? (uint32_t)dsdt : 0,
		.x_dsdt = dsdt,
	};

	start_table(&t.header, "FACP", FADT_REVISION, sizeof(t));
	finish_table(&t.header);
	memcpy(at, &t, sizeof(t));
}

static void write_madt(uint8_t *at, unsigned vcpus, unsigned maxvcpus)
{
	struct acpi_madt t = { .lapic_address = LAPIC_ADDRESS };
	uint8_t *next = at + sizeof(t);

	start_table(&t.header, "APIC", 4, madt_size(maxvcpus));
	memcpy(at, &t, sizeof(t));
	for (unsigned id = 0; id < maxvcpus; id++) {
		uint32_t flags = id < vcpus ? MADT_ENABLED : 0;

		if (id < MADT_FIRST_X2APIC) {
			struct acpi_lapic e = { .type = 0, .length = sizeof(e), .uid = (uint8_t)id,
						.apic_id = (uint8_t)id, .flags = flags };

			next = (uint8_t *)memcpy(next, &e, sizeof(e)) + sizeof(e);
		} else {
			struct acpi_x2apic e = { .type = 9, .length = sizeof(e), .uid = id,
						 .apic_id = id, .flags = flags };

			next = (uint8_t *)memcpy(next, &e, sizeof(e)) + sizeof(e);
		}
	}
	finish_table((struct acpi_header *)at);
}

static void write_dsdt(uint8_t *at)
{
	struct acpi_header h = { .length = 0 };

	start_table(&h, "DSDT", 2, sizeof(h) + sizeof(dsdt_aml));
	memcpy(at, &h, sizeof(h));
	memcpy(at + sizeof(h), dsdt_aml, sizeof(dsdt_aml));
	finish_table((struct acpi_header *)at);
}

size_t zendo_acpi_size(const struct zendo_acpi_params *p)
{
	return make_layout(p).end;
}

int zendo_acpi_build(const struct zendo_acpi_params *p, void *buf, size_t size, uint64_t *ret_rsdp)
{
	struct layout l;
	uint8_t *b = buf;

	if (p->vcpus == 0 || p->vcpus > p->maxvcpus || p->base % 16 != 0)
		return -EINVAL;
	l = make_layout(p);
	if (size < l.end)
		return -ENOBUFS;

	memset(b, 0, l.end);
	write_rsdp(b + l.rsdp, p->base + l.xsdt);
	write_xsdt(b + l.xsdt, p->base + l.fadt, p->base + l.madt);
	write_fadt(b + l.fadt, p->base + l.dsdt);
	write_madt(b + l.madt, p->vcpus, p->maxvcpus);
	write_dsdt(b + l.dsdt);
	*ret_rsdp = p->base + l.rsdp;
	return 0;
}
