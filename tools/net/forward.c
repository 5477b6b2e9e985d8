/* SPDX-License-Identifier: GPL-2.0-only */
/* nftables, and the kernel's settings for forwarding. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <json-c/json.h>

#include "file.h"
#include "net.h"

/* ---- settings ---- */

int sysctl_read(const char *path, int *ret)
{
	char whole[128];
	_cleanup_fclose_ FILE *f = NULL;

	(void)snprintf(whole, sizeof(whole), "/proc/sys/net/%s", path);
	f = fopen(whole, "re");
	if (!f)
		return -errno;
	return fscanf(f, "%d", ret) == 1 ? 0 : -EIO;
}

/* What is so already is not written: some settings do things to others when they are. */
int sysctl_write(const char *path, int value, struct zendo_error *e)
{
	char whole[128], text[16];
	_cleanup_close_ int fd = -EBADF;
	int was, r;

	if (sysctl_read(path, &was) >= 0 && was == value)
		return 0;
	(void)snprintf(whole, sizeof(whole), "/proc/sys/net/%s", path);
	(void)snprintf(text, sizeof(text), "%d\n", value);
	fd = open(whole, O_WRONLY | O_CLOEXEC);
	r = fd < 0 ? -errno : file_write_all(fd, text, strlen(text));
	return r < 0 ? zendo_error(e, r, "%s cannot be set to %d: %s", whole, value, strerror(-r)) : 0;
}

static int enable(const char *path, struct zendo_error *e)
{
	int was = 0, r = sysctl_read(path, &was);

	if (r >= 0 && was)
		return 0;
	r = sysctl_write(path, 1, e);
	if (r >= 0)
		fprintf(stderr, "/proc/sys/net/%s was 0 and is 1 now: guests are forwarded, and so is whatever else is sent here to be\n", path);
	return r;
}

int forward_enable(const struct zendo_network *n, struct zendo_error *e)
{
	int six = 0, r = enable("ipv4/ip_forward", e);

	if (r < 0 || !n->has_ipv6 || (sysctl_read("ipv6/conf/all/forwarding", &six) >= 0 && six))
		return r;
	r = routes_check_forwarding6(e);
	return r < 0 ? r : enable("ipv6/conf/all/forwarding", e);
}

/* ---- programs ---- */

/* Where a unit's programs are looked for, whatever the caller's PATH is. */
#define PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

int forward_check_program(const char *program, const char *package, struct zendo_error *e)
{
	char path[128], dirs[] = PATH, *rest;

	for (const char *dir = strtok_r(dirs, ":", &rest); dir; dir = strtok_r(NULL, ":", &rest)) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, program);
		if (access(path, X_OK) == 0)
			return 0;
	}
	return zendo_error(e, -ENOPKG, "there is no program %s: apt install %s", program, package);
}

static int run_nft(char *const argv[], int in, int out, struct zendo_error *e)
{
	char *const env[] = { (char *)"PATH=" PATH, NULL };
	posix_spawn_file_actions_t actions;
	int status, r = -posix_spawn_file_actions_init(&actions);
	pid_t pid;

	if (r >= 0 && in >= 0)
		r = -posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	if (r >= 0 && out >= 0)
		r = -posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (r >= 0) {
		(void)setenv("PATH", PATH, 1);	/* posix_spawnp() looks in ours */
		r = -posix_spawnp(&pid, argv[0], &actions, NULL, argv, env);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	if (r < 0)
		return zendo_error(e, r, "cannot start %s: %s", argv[0], strerror(-r));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return zendo_error(e, -errno, "%s: %s", argv[0], strerror(errno));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : zendo_error(e, -EIO, "nft does not take the rules");
}

/* ---- rules ---- */

static int write_rules(int fd, struct zendo_error *e)
{
	_cleanup_free_ struct zendo_network *all = NULL;
	_cleanup_free_ char *text = NULL;
	size_t nr, size;
	FILE *f;
	int r;

	r = zendo_network_list(ZENDO_NETWORK_RUN, &all, &nr, e);
	if (r < 0)
		return r;
	f = open_memstream(&text, &size);
	if (f)
		files_write_rules(f, all, nr);
	if (!f || fclose(f) != 0)
		return zendo_error(e, -ENOMEM, "out of memory");
	r = file_write_all(fd, text, size);
	if (r >= 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	return r < 0 ? zendo_error(e, r, "cannot write the rules: %s", strerror(-r)) : 0;
}

int forward_apply(struct zendo_error *e)
{
	char *const argv[] = { (char *)"nft", (char *)"-f", (char *)"-", NULL };
	_cleanup_close_ int fd = memfd_create("rules", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return zendo_error(e, -errno, "cannot write the rules: %s", strerror(errno));
	r = write_rules(fd, e);
	return r < 0 ? r : run_nft(argv, fd, -EBADF, e);
}

static const char *text_of(struct json_object *o, const char *key)
{
	const char *s = json_object_get_string(json_object_object_get(o, key));

	return s ? s : "";
}

static void warn_of_chain(const struct zendo_network *n, struct json_object *chain)
{
	const char *hook = text_of(chain, "hook"), *family = text_of(chain, "family"), *table = text_of(chain, "table");
	bool forward = strcmp(hook, "forward") == 0;

	if (strcmp(text_of(chain, "policy"), "drop") != 0 || (!forward && strcmp(hook, "input") != 0))
		return;
	if (strcmp(family, "inet") != 0 && strcmp(family, "ip") != 0 && (strcmp(family, "ip6") != 0 || !n->has_ipv6))
		return;
	fprintf(stderr, "chain %s of table %s %s drops what it does not know: it must let pass %s\n", text_of(chain, "name"), family, table,
		forward ? "what comes from and goes to the network's bridge, or guests reach nothing outside" :
			  "DHCP (UDP 67) and DNS (UDP and TCP 53) from the network's bridge, or guests get no addresses");
}

void forward_warn(const struct zendo_network *n)
{
	char *const argv[] = { (char *)"nft", (char *)"-j", (char *)"list", (char *)"chains", NULL };
	_cleanup_close_ int fd = memfd_create("chains", MFD_CLOEXEC);
	struct zendo_error why = {};
	struct json_object *o, *all, *chain;

	if (fd < 0 || run_nft(argv, -EBADF, fd, &why) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return;
	o = json_object_from_fd(fd);
	all = json_object_object_get(o, "nftables");
	for (size_t i = 0; all && json_object_is_type(all, json_type_array) && i < json_object_array_length(all); i++) {
		chain = json_object_object_get(json_object_array_get_idx(all, i), "chain");
		if (chain)
			warn_of_chain(n, chain);
	}
	json_object_put(o);
}
