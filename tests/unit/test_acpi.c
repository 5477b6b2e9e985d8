/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "acpi.h"

#define BASE 0xfc000000ULL

static uint16_t le16(const uint8_t *p) { uint16_t v; memcpy(&v, p, 2); return v; }
static uint32_t le32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return v; }
static uint64_t le64(const uint8_t *p) { uint64_t v; memcpy(&v, p, 8); return v; }

static uint8_t sum(const uint8_t *p, size_t n)
{
	uint8_t s = 0;

	while (n--)
		s += *p++;
	return s;
}

struct tables {
	uint8_t *buf;
	size_t size;
	const uint8_t *rsdp, *xsdt, *fadt, *madt, *dsdt;
};

static const uint8_t *at(const struct tables *t, uint64_t gpa, const char *signature)
{
	const uint8_t *p;

	assert_in_range(gpa, BASE, BASE + t->size - 36);
	p = t->buf + (gpa - BASE);
	assert_memory_equal(p, signature, 4);
	assert_in_range(le32(p + 4), 36, t->size - (gpa - BASE));
	assert_int_equal(sum(p, le32(p + 4)), 0);
	return p;
}

/* Build into a buffer of exactly the announced size and find the tables from the RSDP on. */
static void build(struct tables *t, unsigned vcpus, unsigned maxvcpus)
{
	struct zendo_acpi_params p = { .base = BASE, .vcpus = vcpus, .maxvcpus = maxvcpus };
	uint64_t rsdp;

	t->size = zendo_acpi_size(&p);
	t->buf = malloc(t->size);
	assert_non_null(t->buf);
	memset(t->buf, 0xcc, t->size);
	assert_int_equal(zendo_acpi_build(&p, t->buf, t->size, &rsdp), 0);

	t->rsdp = t->buf + (rsdp - BASE);
	t->xsdt = at(t, le64(t->rsdp + 24), "XSDT");
	assert_int_equal(le32(t->xsdt + 4), 36 + 2 * 8);
	t->fadt = at(t, le64(t->xsdt + 36), "FACP");
	t->madt = at(t, le64(t->xsdt + 44), "APIC");
	t->dsdt = at(t, le64(t->fadt + 140), "DSDT");
}

static void rsdp_has_both_checksums_and_revision_2(void **state)
{
	struct tables t;

	(void)state;
	build(&t, 1, 1);
	assert_memory_equal(t.rsdp, "RSD PTR ", 8);
	assert_int_equal(t.rsdp[15], 2);
	assert_int_equal(le32(t.rsdp + 20), 36);
	assert_int_equal(sum(t.rsdp, 20), 0);
	assert_int_equal(sum(t.rsdp, 36), 0);
	free(t.buf);
}

static void fadt_says_hardware_reduced_without_legacy_devices(void **state)
{
	struct tables t;

	(void)state;
	build(&t, 1, 1);
	assert_int_equal(t.fadt[8], 6);
	assert_int_equal(t.fadt[131], 0);
	assert_int_equal(le32(t.fadt + 4), 276);
	assert_int_equal(le16(t.fadt + 109), 0x24);
	assert_true(le32(t.fadt + 112) & (1U << 20));
	assert_int_equal(le64(t.fadt + 244 + 4), 0);
	assert_int_equal(le64(t.fadt + 256 + 4), 0);
	free(t.buf);
}

static void madt_has_one_entry_per_possible_vcpu_and_no_pic(void **state)
{
	struct tables t;

	(void)state;
	build(&t, 3, 8);
	assert_int_equal(le32(t.madt + 36), 0xfee00000);
	assert_int_equal(le32(t.madt + 40), 0);
	assert_int_equal(le32(t.madt + 4), 44 + 8 * 8);
	for (unsigned i = 0; i < 8; i++) {
		const uint8_t *e = t.madt + 44 + i * 8;

		assert_int_equal(e[0], 0);
		assert_int_equal(e[1], 8);
		assert_int_equal(e[2], i);
		assert_int_equal(e[3], i);
		assert_int_equal(le32(e + 4), i < 3);
	}
	free(t.buf);
}

static void ids_from_255_on_are_x2apic_entries(void **state)
{
	struct tables t;
	const uint8_t *e;

	(void)state;
	build(&t, 257, 258);
	assert_int_equal(le32(t.madt + 4), 44 + 255 * 8 + 3 * 16);
	e = t.madt + 44 + 255 * 8;
	for (unsigned id = 255; id < 258; id++, e += 16) {
		assert_int_equal(e[0], 9);
		assert_int_equal(e[1], 16);
		assert_int_equal(le32(e + 4), id);
		assert_int_equal(le32(e + 8), id < 257);
		assert_int_equal(le32(e + 12), id);
	}
	free(t.buf);
}

static void the_largest_domain_fits_into_one_page(void **state)
{
	(void)state;
	assert_in_range(zendo_acpi_size(&(struct zendo_acpi_params){ .vcpus = 128, .maxvcpus = 128 }), 1, 4096);
}

static void a_small_buffer_and_nonsense_are_refused(void **state)
{
	struct zendo_acpi_params p = { .base = BASE, .vcpus = 1, .maxvcpus = 1 };
	uint8_t buf[4096];
	uint64_t rsdp = 42;

	(void)state;
	assert_int_equal(zendo_acpi_build(&p, buf, zendo_acpi_size(&p) - 1, &rsdp), -ENOBUFS);
	p.vcpus = 2;
	assert_int_equal(zendo_acpi_build(&p, buf, sizeof(buf), &rsdp), -EINVAL);
	p.vcpus = 0;
	assert_int_equal(zendo_acpi_build(&p, buf, sizeof(buf), &rsdp), -EINVAL);
	p.vcpus = 1;
	p.base = BASE + 8;
	assert_int_equal(zendo_acpi_build(&p, buf, sizeof(buf), &rsdp), -EINVAL);
	assert_int_equal(rsdp, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rsdp_has_both_checksums_and_revision_2),
		cmocka_unit_test(fadt_says_hardware_reduced_without_legacy_devices),
		cmocka_unit_test(madt_has_one_entry_per_possible_vcpu_and_no_pic),
		cmocka_unit_test(ids_from_255_on_are_x2apic_entries),
		cmocka_unit_test(the_largest_domain_fits_into_one_page),
		cmocka_unit_test(a_small_buffer_and_nonsense_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
