/* SPDX-License-Identifier: GPL-2.0-only */
/* zendo try: what its guest is made of, and what of its console is the command's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../tools/zendo/small_guest.c"
#include "../../tools/zendo/try_output.c"

/* Run @command with the archive as its input; what it prints, for free(). */
static char *unpacked(const char *archive, size_t size, const char *command)
{
	char path[] = "/tmp/test_try.XXXXXX", *text = calloc(1, 65536), *line;
	int fd = mkstemp(path);
	FILE *f;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, archive, size), size);
	close(fd);
	assert_true(asprintf(&line, command, path) > 0);
	f = popen(line, "r");
	assert_non_null(f);
	(void)!fread(text, 1, 65535, f);
	assert_int_equal(pclose(f), 0);
	unlink(path);
	free(line);
	return text;
}

static void cpio_reads_the_archive(void **state)
{
	_cleanup_free_ char *archive = NULL, *list = NULL, *content = NULL;
	size_t size;
	FILE *f = open_memstream(&archive, &size);

	(void)state;
	cpio_folder(f, "bin");
	cpio_bytes(f, "bin/a", 0755, "12345", 5);
	cpio_bytes(f, "init", 0755, "#!", 2);
	cpio_bytes(f, "empty", 0644, "", 0);
	assert_int_equal(cpio_file(f, "os", 0644, "/etc/os-release"), 0);
	assert_int_equal(cpio_file(f, "none", 0644, "/nonexistent/none"), -ENOENT);
	cpio_end(f);
	fclose(f);
	assert_int_equal(size % 4, 0);
	list = unpacked(archive, size, "cpio --quiet -itv <%s | awk '{ print $1, $5, $NF }'");
	assert_non_null(strstr(list, "drwxr-xr-x 0 bin\n-rwxr-xr-x 5 bin/a\n-rwxr-xr-x 2 init\n-rw-r--r-- 0 empty\n"));
	content = unpacked(archive, size, "cpio --quiet -i --to-stdout os <%s | cmp - /etc/os-release && echo same");
	assert_string_equal(content, "same\n");
}

/* This program is one; it is not told what the loader says, but what comes of it must have a C library. */
static void libraries_come_along(void **state)
{
	_cleanup_free_ char *archive = NULL, *list = NULL, *self = NULL;
	char loader[256], path[512] = "";
	size_t size, self_size;
	FILE *f;

	(void)state;
	assert_true(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0);
	assert_int_equal(read_file(path, &self, &self_size), 0);
	assert_int_equal(interpreter(self, self_size, loader, sizeof(loader)), 0);
	assert_non_null(strstr(loader, "/ld-linux"));
	f = open_memstream(&archive, &size);
	assert_int_equal(add_libraries(f, loader, path), 0);
	cpio_end(f);
	fclose(f);
	list = unpacked(archive, size, "cpio --quiet -it <%s");
	assert_non_null(strstr(list, "/libc.so.6\n"));
	assert_non_null(strstr(list, "/libcmocka.so.0\n"));
	assert_int_equal(add_libraries(stderr, loader, "/etc/os-release"), -ENOEXEC);
}

static void a_broken_program_is_refused(void **state)
{
	Elf64_Ehdr eh = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64 }, .e_phentsize = sizeof(Elf64_Phdr) };
	struct { Elf64_Ehdr eh; Elf64_Phdr ph; char name[4]; } elf;
	char loader[8];

	(void)state;
	assert_int_equal(interpreter((char *)&eh, 10, loader, sizeof(loader)), -ENOEXEC);
	assert_int_equal(interpreter((char *)&eh, sizeof(eh), loader, sizeof(loader)), 0);
	assert_string_equal(loader, "");
	eh.e_phoff = UINT64_MAX - 3;
	assert_int_equal(interpreter((char *)&eh, sizeof(eh), loader, sizeof(loader)), -ENOEXEC);
	eh.e_phoff = sizeof(eh);
	eh.e_phnum = 1;
	assert_int_equal(interpreter((char *)&eh, sizeof(eh), loader, sizeof(loader)), -ENOEXEC);
	elf.eh = eh;
	memcpy(elf.name, "/ld", 4);
	elf.ph = (Elf64_Phdr) { .p_type = PT_INTERP, .p_offset = offsetof(typeof(elf), name), .p_filesz = 4 };
	assert_int_equal(interpreter((char *)&elf, sizeof(elf), loader, sizeof(loader)), 0);
	assert_string_equal(loader, "/ld");
	elf.ph.p_filesz = 3;		/* without its end */
	assert_int_equal(interpreter((char *)&elf, sizeof(elf), loader, sizeof(loader)), -ENOEXEC);
	elf.ph.p_filesz = 400;
	assert_int_equal(interpreter((char *)&elf, sizeof(elf), loader, sizeof(loader)), -ENOEXEC);
}

/* What a command prints and its status, when the console brings @console. */
static void console_gives(const char *console, int wait, int status, const char *wanted)
{
	int in[2], out[2], r;
	char got[1024] = "";
	ssize_t n;

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	assert_int_equal(write(in[1], console, strlen(console)), strlen(console));
	close(in[1]);
	r = try_output_wait(in[0], "77");
	assert_int_equal(r, wait);
	if (r == 0)
		assert_int_equal(try_output_copy(in[0], "77", out[1]), status);
	close(out[1]);
	n = read(out[0], got, sizeof(got) - 1);
	assert_true(n >= 0);
	assert_string_equal(got, wanted);
	close(in[0]);
	close(out[0]);
}

#define BEGIN "noise\n\r\nzendo-try 77 begin\n"

static void only_the_commands_output_is_copied(void **state)
{
	char text[600] = BEGIN, wanted[600] = "";

	(void)state;
	console_gives(BEGIN "hello\n\nzendo-try 77 exit 3\nmore\n", 0, 3, "hello\n");
	console_gives(BEGIN "hello\nzendo-try 77 exit 0\n", 0, 0, "hello");
	console_gives(BEGIN "\nzendo-try 77 exit 0\n", 0, 0, "");
	console_gives(BEGIN "a\nb\n\n\nzendo-try 77 exit 255\n", 0, 255, "a\nb\n\n");
	console_gives(BEGIN "zendo-try 78 exit 4\n\nzendo-try 77 exit 5\n", 0, 5, "zendo-try 78 exit 4\n");
	console_gives(BEGIN "crash", 0, 1, "crash");
	console_gives(BEGIN "crash\n", 0, 1, "crash\n");
	console_gives("zendo-try 78 begin\n", -ENODATA, 0, "");
	console_gives("", -ENODATA, 0, "");
	memset(wanted, 'x', 400);
	strcat(text, wanted);
	strcat(wanted, " zendo-try 77 exit 9\n");
	strcat(text, " zendo-try 77 exit 9\n\nzendo-try 77 exit 2\n");
	console_gives(text, 0, 2, wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpio_reads_the_archive),
		cmocka_unit_test(libraries_come_along),
		cmocka_unit_test(a_broken_program_is_refused),
		cmocka_unit_test(only_the_commands_output_is_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
