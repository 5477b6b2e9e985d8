/* SPDX-License-Identifier: GPL-2.0-only */
#include "small_guest.h"

#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"

#define MAX_FILE	(64 * 1024 * 1024)	/* of busybox or a library */
#define MAX_LIBRARIES	16

/* ---- cpio ---- */

static void pad(FILE *f, size_t size)
{
	static const char zeros[4];

	fwrite(zeros, 1, -size & 3, f);
}

/* Documentation/driver-api/early-userspace/buffer-format.rst. Numbers of inodes do not matter with one link each. */
static void header(FILE *f, const char *path, unsigned mode, unsigned links, size_t size)
{
	const size_t name = strlen(path) + 1;

	fprintf(f, "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", 0U, mode, 0U, 0U, links, 0U, size, 0U, 0U,
		0U, 0U, name, 0U);
	fwrite(path, 1, name, f);
	pad(f, 110 + name);
}

void cpio_folder(FILE *f, const char *path)
{
	header(f, path, 040755, 2, 0);
}

void cpio_bytes(FILE *f, const char *path, unsigned mode, const void *bytes, size_t size)
{
	header(f, path, 0100000 | mode, 1, size);
	fwrite(bytes, 1, size, f);
	pad(f, size);
}

static int read_file(const char *path, char **ret, size_t *ret_size)
{
	_cleanup_free_ char *bytes = NULL;
	_cleanup_close_ int fd = -EBADF;
	uint64_t size;
	int r;

	r = file_open_regular(path, MAX_FILE, &fd, &size);
	if (r < 0)
		return r;
	bytes = malloc(size + 1);
	if (!bytes)
		return -ENOMEM;
	r = file_read_at(fd, bytes, size, 0);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(bytes);
	*ret_size = size;
	return 0;
}

int cpio_file(FILE *f, const char *path, unsigned mode, const char *from)
{
	_cleanup_free_ char *bytes = NULL;
	size_t size;
	int r = read_file(from, &bytes, &size);

	if (r >= 0)
		cpio_bytes(f, path, mode, bytes, size);
	return r;
}

void cpio_end(FILE *f)
{
	header(f, "TRAILER!!!", 0, 1, 0);
}

/* ---- busybox and what it is linked with ---- */

/* The program that loads this one's libraries; "" if it is static. -ENOEXEC. */
static int interpreter(const char *bytes, size_t size, char *ret, size_t ret_size)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	ret[0] = '\0';
	if (size < sizeof(eh))
		return -ENOEXEC;
	memcpy(&eh, bytes, sizeof(eh));
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 || eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_phentsize != sizeof(ph) ||
	    eh.e_phoff > size || eh.e_phnum > (size - eh.e_phoff) / sizeof(ph))
		return -ENOEXEC;
	for (unsigned i = 0; i < eh.e_phnum; i++) {
		memcpy(&ph, bytes + eh.e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type != PT_INTERP)
			continue;
		if (ph.p_offset > size || ph.p_filesz > size - ph.p_offset || ph.p_filesz == 0 || ph.p_filesz > ret_size ||
		    bytes[ph.p_offset + ph.p_filesz - 1] != '\0')
			return -ENOEXEC;
		memcpy(ret, bytes + ph.p_offset, ph.p_filesz);
	}
	return 0;
}

/* "	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x...)": the path; NULL: the line has none. */
static char *library_of(char *line)
{
	char *path = strchr(line, '/');

	if (path)
		path[strcspn(path, " \n")] = '\0';
	return path;
}

/* Folders above @path that are not there yet, by what was made before. */
static void folders_for(FILE *f, const char *path)
{
	char part[512];

	for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
		(void)snprintf(part, sizeof(part), "%.*s", (int)(p - path), path);
		cpio_folder(f, part);	/* Linux takes one that is there already */
	}
}

/* What the loader itself says it would load, each where it looks for it. */
static int add_libraries(FILE *f, const char *loader, const char *program)
{
	_cleanup_fclose_ FILE *said = NULL;
	char line[1024], *path;
	int ends[2], nr = 0, r = 0, status = 0;
	pid_t child;

	if (pipe(ends) < 0)
		return -errno;
	child = fork();
	if (child == 0) {
		(void)dup2(ends[1], STDOUT_FILENO);
		(void)close(ends[0]);
		(void)close(ends[1]);
		execl(loader, loader, "--list", program, (char *)NULL);
		_exit(127);
	}
	(void)close(ends[1]);
	said = fdopen(ends[0], "r");
	while (child > 0 && said && r >= 0 && fgets(line, sizeof(line), said)) {
		path = library_of(line);
		if (!path)
			continue;
		if (++nr > MAX_LIBRARIES)
			r = -E2BIG;
		folders_for(f, path + 1);
		r = r < 0 ? r : cpio_file(f, path + 1, 0755, path);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return -ECHILD;
	return r < 0 ? r : status ? -ENOEXEC : 0;
}

static const char *find_busybox(void)
{
	static const char *const places[] = {
		"/usr/bin/busybox", "/bin/busybox", "/usr/sbin/busybox", "/usr/lib/initramfs-tools/bin/busybox",
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

static int add_busybox(FILE *f, struct zendo_error *e)
{
	const char *path = find_busybox();
	_cleanup_free_ char *bytes = NULL;
	char loader[256];
	size_t size;
	int r;

	if (!path)
		return zendo_error(e, -ENOENT, "there is no busybox here: apt install busybox-static");
	r = read_file(path, &bytes, &size);
	if (r >= 0)
		r = interpreter(bytes, size, loader, sizeof(loader));
	if (r >= 0)
		cpio_bytes(f, "bin/busybox", 0755, bytes, size);
	if (r >= 0 && *loader) {
		folders_for(f, loader + 1);
		r = cpio_file(f, loader + 1, 0755, loader);
		if (r >= 0)
			r = add_libraries(f, loader, path);
	}
	return r < 0 ? zendo_error(e, r, "%s: cannot be put into a guest: %s", path, strerror(-r)) : 0;
}

int small_guest_write(FILE *f, const char *init, const char *command, struct zendo_error *e)
{
	static const char *const folders[] = { "bin", "dev", "etc", "proc", "root", "sys", "tmp" };
	static const char root[] = "root::0:0:root:/root:/bin/sh\n";
	int r;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		cpio_folder(f, folders[i]);
	r = add_busybox(f, e);
	if (r < 0)
		return r;
	cpio_bytes(f, "etc/passwd", 0644, root, strlen(root));
	cpio_bytes(f, "init", 0755, init, strlen(init));
	if (command)
		cpio_bytes(f, "command", 0644, command, strlen(command));
	cpio_end(f);
	return ferror(f) ? zendo_error(e, -EIO, "cannot write the guest's files") : 0;
}
