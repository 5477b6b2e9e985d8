/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * zendo: one table of commands, each a function that gets its own arguments. A command prints
 * its error itself, once, and returns the exit status.
 */
#ifndef ZENDO_CLI_H
#define ZENDO_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/hvpriv.h>

#include "cleanup.h"
#include "error.h"

/* Exit status; the table in zendo(1) is the same. */
enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NO_DOMAIN = 3,		/* no domain of this name or id */
	EXIT_NOT_RUNNING = 4,		/* the hypervisor is not running */
	EXIT_PERMISSION = 5,
};

struct command {
	const char *name;
	const char *arguments;		/* for usage lines */
	const char *summary;		/* a line for the list of commands */
	const char *help;		/* its options, indented; "" = none */
	int (*run)(int argc, char **argv);	/* argv[0] is the command's name; getopt starts there */
};

extern const struct command commands[];	/* ends with a NULL name */
const struct command *command_named(const char *name);	/* NULL = none */

int cmd_block_attach(int argc, char **argv);
int cmd_block_detach(int argc, char **argv);
int cmd_block_list(int argc, char **argv);
int cmd_block_resize(int argc, char **argv);
int cmd_device(int argc, char **argv);
int cmd_net(int argc, char **argv);
int cmd_network_attach(int argc, char **argv);
int cmd_network_detach(int argc, char **argv);
int cmd_network_list(int argc, char **argv);
int cmd_domid(int argc, char **argv);
int cmd_domname(int argc, char **argv);
int cmd_clone(int argc, char **argv);
int cmd_rename(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_try(int argc, char **argv);
int cmd_trigger(int argc, char **argv);
int cmd_uptime(int argc, char **argv);
int cmd_vcpu_list(int argc, char **argv);
int cmd_vcpu_pin(int argc, char **argv);
int cmd_vcpu_set(int argc, char **argv);
int cmd_enable(int argc, char **argv);
int cmd_disable(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_create(int argc, char **argv);
int cmd_logs(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_console(int argc, char **argv);
int cmd_dump_core(int argc, char **argv);
int cmd_shutdown(int argc, char **argv);
int cmd_reboot(int argc, char **argv);
int cmd_sysrq(int argc, char **argv);
int cmd_stat(int argc, char **argv);
int cmd_store(int argc, char **argv);
int cmd_destroy(int argc, char **argv);
int cmd_pause(int argc, char **argv);
int cmd_unpause(int argc, char **argv);
int cmd_image(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_dmesg(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_launch(int argc, char **argv);
int cmd_leave(int argc, char **argv);
int cmd_wait(int argc, char **argv);
int cmd_version(int argc, char **argv);
int cmd_help(int argc, char **argv);

/* What stands before messages: "zendo", or what else it was called as. */
extern const char *program_name;

/* "zendo: ..." on stderr; returns @status. */
__attribute__((format(printf, 2, 3)))
int fail(int status, const char *format, ...);

/* The same for what libzendo says, and for an error of the device. */
int fail_error(int r, const struct zendo_error *e);
int fail_device(int r);

/* How command @name is called, on stderr; returns EXIT_USAGE. */
int usage(const char *name);

/* For commands without options: refuse any, and check the number of arguments. 0 or EXIT_USAGE. */
int plain_arguments(int argc, char **argv, int least, int most);

/*
 * The device, with the hypervisor running. 0, or an exit status with everything said.
 */
int open_running(int *ret_fd);

/* Something to read a definition from: "-", or what is there by this name. Not a folder, which may well be called as a domain is. */
bool is_definition_file(const char *arg);

/*
 * The definition that @arg stands for: a file, "-" for standard input, or NAME for /etc/zendo/NAME.cfg. 1; or 0 with "" in @ret,
 * when it is KEY=VALUE instead.
 */
int find_definition(const char *arg, char *ret, size_t size);

/* Linux itself, which no list of the device has. */
#define DOM0_NAME	"Domain-0"
bool is_dom0(const char *what);		/* its name or id */

/* All domains but that one; what does not work has been said. The caller frees *ret. */
int list_domains(int device, struct hvpriv_domain_info **ret, size_t *ret_nr);

/* @what is a name or an id. 0, or an exit status with everything said. */
int find_domain(int device, const char *what, struct hvpriv_domain_info *ret);

/*
 * The control connection of @what and its name. A name is found without the device, so that people without
 * rights on it can use the console. 0 or an exit status.
 */
int connect_domain(const char *what, int *ret_fd, char ret_name[static HVPRIV_NAME_LEN]);

/* A domain that is asked something of: its own runner, or that of another one, which keeps it for a look (rename-restart). */
struct target {
	char name[HVPRIV_NAME_LEN], runner[HVPRIV_NAME_LEN];	/* the same if it is not kept */
	bool is_kept;
	uint32_t domid;		/* of one that is */
};

/* As connect_domain(), for requests that a kept one knows, too: destroy and dump. */
int connect_target(const char *what, int *ret_fd, struct target *ret);

/* Letters of Debian's edit distance: how many changes make @b of @a. */
unsigned edit_distance(const char *a, const char *b);

struct json_object;

/* Print and json_object_put() it. */
int print_json(struct json_object *o);

/* Somebody serves the domain of this name. */
bool has_runner(const char *name);

/* Say why a request to the runner of @name has failed with @error (-errno); the exit status. */
int no_answer(const char *name, int error);

/* Ask @request, which is released, on a control connection. 0 with the answer in *ret (may be NULL), or an exit status. */
int ask_request(int fd, const char *name, struct json_object *request, struct json_object **ret);

/* Ask {"do": @what} on a control connection. 0 with the answer in *ret (may be NULL), or an exit status. */
int ask(int fd, const char *name, const char *what, struct json_object **ret);

#endif
