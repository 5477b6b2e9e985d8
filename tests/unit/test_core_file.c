/* SPDX-License-Identifier: GPL-2.0-only */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core_file.h"

#define PAGE	4096ULL
#define LOW	(4ULL << 20)
#define HIGH	0x100000000ULL

static char path[64];

/* 4 MiB from 0 and 1 MiB from 4 GiB; the page at 3 MiB is not there. */
static char low[LOW], high[1 << 20];
static unsigned nr_calls;
static int map_fails;

static int map(void *userdata, uint64_t gpa, uint64_t len, const void **ret)
{
	(void)userdata;
	nr_calls++;
	if (map_fails)
		return map_fails;
	assert_int_equal(gpa % PAGE, 0);
	assert_in_range(len, PAGE, CORE_WINDOW);
	if (gpa >= HIGH) {
		assert_true(gpa + len <= HIGH + sizeof(high));
		*ret = high + (gpa - HIGH);
		return 0;
	}
	assert_true(gpa + len <= LOW);
	if (gpa <= 3 << 20 && gpa + len > 3 << 20)
		return -ENXIO;
	*ret = low + gpa;
	return 0;
}

static struct core_vcpu vcpus[2];

static struct core_image image(void)
{
	return (struct core_image) {
		.ranges = { { 0, LOW }, { HIGH, sizeof(high) } }, .nr_ranges = 2,
		.vcpus = vcpus, .nr_vcpus = 2, .map = map,
	};
}

static int fd;

static int make_file(void **state)
{
	(void)state;
	(void)snprintf(path, sizeof(path), "/tmp/test_core.XXXXXX");
	fd = mkstemp(path);
	memset(low, 0, sizeof(low));
	memset(high, 0, sizeof(high));
	memset(vcpus, 0, sizeof(vcpus));
	map_fails = 0;
	nr_calls = 0;
	vcpus[1].id = 1;
	vcpus[0].state.rip = 0xffffffff81001234;
	vcpus[0].state.rsp = 0xffffffff82003f00;
	vcpus[0].state.cr3 = 0x2a0a000;
	vcpus[0].state.idt_base = 0xfffffe0000000000;
	vcpus[0].state.cs = (struct hvpriv_segment) { .selector = 0x10, .attr = 0xa9b, .limit = ~0U };
	vcpus[1].state.rip = 0xffffffff81005678;
	return fd < 0;
}

static int remove_file(void **state)
{
	(void)state;
	(void)close(fd);
	return unlink(path);
}

static void read_at(void *buf, size_t size, uint64_t offset)
{
	assert_int_equal(pread(fd, buf, size, (off_t)offset), size);
}

static Elf64_Phdr phdr(unsigned i)
{
	Elf64_Phdr p;

	read_at(&p, sizeof(p), sizeof(Elf64_Ehdr) + i * sizeof(p));
	return p;
}

static uint64_t page_word(unsigned load, uint64_t gpa)
{
	Elf64_Phdr p = phdr(1 + load);
	uint64_t word;

	read_at(&word, sizeof(word), p.p_offset + gpa - p.p_paddr);
	return word;
}

static void memory_stands_where_the_headers_say(void **state)
{
	struct core_image c = image();
	struct core_result r;
	struct stat st;
	Elf64_Phdr p;

	(void)state;
	strcpy(low + 8, "first");
	strcpy(low + LOW - 16, "last of low");
	strcpy(high + PAGE, "high");
	assert_int_equal(core_write(fd, &c, &r), 0);
	p = phdr(0);
	assert_int_equal(p.p_type, PT_NOTE);
	p = phdr(1);
	assert_int_equal(p.p_type, PT_LOAD);
	assert_int_equal(p.p_paddr, 0);
	assert_int_equal(p.p_memsz, LOW);
	assert_int_equal(p.p_offset % PAGE, 0);
	/* what crash(8) tells kdump's from netdump's by */
	assert_int_equal(p.p_align, 0);
	p = phdr(2);
	assert_int_equal(p.p_paddr, HIGH);
	assert_int_equal(page_word(0, 8), 0x7473726966);
	assert_memory_equal((uint64_t[]){ page_word(0, LOW - 16) }, "last of ", 8);
	assert_int_equal(page_word(1, HIGH + PAGE), 0x68676968);
	assert_int_equal(page_word(1, HIGH), 0);
	/* sparse: three pages and the head; the size is that of the last page, a hole */
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, r.size);
	assert_int_equal(r.size, p.p_offset + sizeof(high));
	assert_int_equal(r.stored, phdr(1).p_offset + 3 * PAGE);
	assert_in_range((uint64_t)st.st_blocks * 512, r.stored, r.stored + 64 * 1024);
	/* the window of the absent page was asked for page by page, no other */
	assert_int_equal(r.absent_pages, 1);
	assert_int_equal(nr_calls, 2 + 512 + 1);
	assert_false(r.vmcoreinfo);
}

/* The note of this name and type of the n-th occurrence; its size, or 0. */
static size_t find_note(const char *name, unsigned type, unsigned nth, void *ret, size_t room)
{
	Elf64_Phdr p = phdr(0);
	uint64_t at = p.p_offset;

	while (at < p.p_offset + p.p_filesz) {
		char this_name[16] = "";
		Elf64_Nhdr h;

		read_at(&h, sizeof(h), at);
		assert_in_range(h.n_namesz, 1, sizeof(this_name));
		read_at(this_name, h.n_namesz, at + sizeof(h));
		at += sizeof(h) + (h.n_namesz + 3) / 4 * 4;
		if (strcmp(this_name, name) == 0 && h.n_type == type && nth-- == 0) {
			assert_true(h.n_descsz <= room);
			read_at(ret, h.n_descsz, at);
			return h.n_descsz;
		}
		at += (h.n_descsz + 3) / 4 * 4;
	}
	assert_int_equal(at, p.p_offset + p.p_filesz);
	return 0;
}

static void each_vcpu_has_its_notes(void **state)
{
	struct core_image c = image();
	struct elf_prstatus s;
	struct core_result r;
	uint32_t qemu[128];

	(void)state;
	assert_int_equal(core_write(fd, &c, &r), 0);
	assert_int_equal(find_note("CORE", NT_PRSTATUS, 0, &s, sizeof(s)), sizeof(s));
	assert_int_equal(s.pr_pid, 1);
	assert_int_equal(((struct user_regs_struct *)&s.pr_reg)->rip, 0xffffffff81001234);
	assert_int_equal(((struct user_regs_struct *)&s.pr_reg)->cs, 0x10);
	assert_int_equal(find_note("CORE", NT_PRSTATUS, 1, &s, sizeof(s)), sizeof(s));
	assert_int_equal(s.pr_pid, 2);
	assert_int_equal(((struct user_regs_struct *)&s.pr_reg)->rip, 0xffffffff81005678);
	assert_int_equal(find_note("CORE", NT_PRSTATUS, 2, &s, sizeof(s)), 0);
	assert_int_equal(find_note("QEMU", 0, 0, qemu, sizeof(qemu)), 440);
	assert_int_equal(qemu[0], 1);
	assert_int_equal(qemu[1], 440);
	/* behind two words and 18 registers: cs with its attributes as in a descriptor, G, L, P, S, type */
	assert_int_equal(qemu[38], 0x10);
	assert_int_equal(qemu[40], 0xa09b00);
	/* cr3 is the fourth of five behind ten segments of 24 bytes */
	assert_int_equal(qemu[38 + 60 + 6], 0x2a0a000);
}

static void put_vmcoreinfo(char *page, uint32_t namesz, uint32_t descsz, uint32_t type)
{
	const Elf64_Nhdr h = { namesz, descsz, type };

	memcpy(page, &h, sizeof(h));
	strcpy(page + sizeof(h), "VMCOREINFO");
	strcpy(page + sizeof(h) + 12, "OSRELEASE=6.1.0\n");
}

static void vmcoreinfo_is_found_and_bounded(void **state)
{
	struct core_image c = image();
	struct core_result r;
	char desc[4096];

	(void)state;
	put_vmcoreinfo(low + 5 * PAGE, 11, 4096, 0);		/* longer than its page */
	put_vmcoreinfo(low + 6 * PAGE, 11, ~0U, 0);
	put_vmcoreinfo(low + 7 * PAGE, 11, 16, 1);		/* another kind */
	put_vmcoreinfo(low + 8 * PAGE, 12, 16, 0);
	put_vmcoreinfo(low + 9 * PAGE + 16, 11, 16, 0);		/* not at the beginning */
	put_vmcoreinfo(high + PAGE, 11, 4096 - 24, 0);		/* the longest */
	put_vmcoreinfo(high + 2 * PAGE, 11, 17, 0);		/* the first counts */
	assert_int_equal(core_write(fd, &c, &r), 0);
	assert_true(r.vmcoreinfo);
	assert_int_equal(find_note("VMCOREINFO", 0, 0, desc, sizeof(desc)), 4096 - 24);
	assert_memory_equal(desc, "OSRELEASE=6.1.0\n", 16);
	assert_int_equal(find_note("VMCOREINFO", 0, 1, desc, sizeof(desc)), 0);
}

static void its_failures_are_told(void **state)
{
	struct core_image c = image();
	struct core_result r = { .size = 1 };
	struct rlimit old, most = { .rlim_cur = 2 << 20 };
	atomic_bool cancel = true;

	(void)state;
	map_fails = -EIO;
	assert_int_equal(core_write(fd, &c, &r), -EIO);
	map_fails = 0;
	c.cancel = &cancel;
	assert_int_equal(core_write(fd, &c, &r), -ECANCELED);
	c.cancel = NULL;
	c.nr_ranges = 0;
	assert_int_equal(core_write(fd, &c, &r), -EINVAL);
	c.nr_ranges = 2;
	/* no room: a limit of the file's size stands for a full disk */
	memset(low, 1, sizeof(low));
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	most.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &most), 0);
	assert_int_equal(core_write(fd, &c, &r), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(core_write(open("/dev/full", O_RDWR), &c, &r), -ENOSPC);
	assert_int_equal(r.size, 1);
}

/* What programs make of it, where they are there. */
static void says(const char *command, const char *const *texts)
{
	char line[256], all[16384] = "";
	size_t len = 0;
	FILE *f;

	(void)snprintf(line, sizeof(line), "LC_ALL=C %s %s 2>&1", command, path);
	f = popen(line, "r");
	assert_non_null(f);
	len = fread(all, 1, sizeof(all) - 1, f);
	all[len] = '\0';
	(void)pclose(f);
	for (; *texts; texts++)
		if (!strstr(all, *texts))
			fail_msg("no '%s' from %s:\n%s", *texts, command, all);
}

static void programs_open_it(void **state)
{
	static const char *const readelf[] = {
		"CORE (Core file)", "LOAD", "0x0000000100000000", "NT_PRSTATUS", "QEMU", NULL,
	};
	static const char *const gdb[] = { "0xffffffff81001234", "0xffffffff81005678", "\"first\"", "\"high\"", NULL };
	struct core_image c = image();
	struct core_result r;

	(void)state;
	strcpy(low + 0x1000, "first");
	strcpy(high + PAGE, "high");
	assert_int_equal(core_write(fd, &c, &r), 0);
	if (system("command -v readelf >/dev/null && command -v gdb >/dev/null") != 0)
		skip();
	says("readelf -hlnW", readelf);
	says("gdb -nx -batch -ex 'info registers rip' -ex 'thread 2' -ex 'info registers rip' -ex 'x/s 0x1000' "
	     "-ex 'x/s 0x100001000' -c", gdb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, make_file, remove_file)
		T(memory_stands_where_the_headers_say),
		T(each_vcpu_has_its_notes),
		T(vmcoreinfo_is_found_and_bounded),
		T(its_failures_are_told),
		T(programs_open_it),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
