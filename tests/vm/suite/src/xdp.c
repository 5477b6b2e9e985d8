// SPDX-License-Identifier: GPL-2.0-only
/*
 * xdp INTERFACE on|off - a program in a guest's frontend that takes 64 bytes before each packet, gives them back and lets the packet pass, and drops
 * it where there are none. In the driver, not in the kernel's generic code.
 */
#include <err.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BYTES	64

static struct bpf_insn insn(uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
	return (struct bpf_insn){ .code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm };
}

static int load(void)
{
	const uint8_t mov = BPF_ALU64 | BPF_MOV | BPF_K, copy = BPF_ALU64 | BPF_MOV | BPF_X, call = BPF_JMP | BPF_CALL;
	const struct bpf_insn program[] = {
		insn(copy, BPF_REG_6, BPF_REG_1, 0, 0),
		insn(mov, BPF_REG_2, 0, 0, -BYTES),
		insn(call, 0, 0, 0, BPF_FUNC_xdp_adjust_head),
		insn(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 6, 0),
		insn(copy, BPF_REG_1, BPF_REG_6, 0, 0),
		insn(mov, BPF_REG_2, 0, 0, BYTES),
		insn(call, 0, 0, 0, BPF_FUNC_xdp_adjust_head),
		insn(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 2, 0),
		insn(mov, BPF_REG_0, 0, 0, XDP_PASS),
		insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		insn(mov, BPF_REG_0, 0, 0, XDP_DROP),
		insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	char log[4096] = "";
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP, .insns = (uintptr_t)program, .insn_cnt = sizeof(program) / sizeof(program[0]),
		.license = (uintptr_t)"GPL", .log_buf = (uintptr_t)log, .log_size = sizeof(log), .log_level = 1,
	};
	int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd < 0)
		err(1, "the program is refused: %s", log);
	return fd;
}

struct request {
	struct nlmsghdr n;
	struct ifinfomsg i;
	struct nlattr xdp, fd_head;
	int32_t fd;
	struct nlattr flags_head;
	uint32_t flags;
};

static void attach(const char *interface, int fd)
{
	struct request r = {
		.n = { .nlmsg_len = sizeof(r), .nlmsg_type = RTM_SETLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.i = { .ifi_family = AF_UNSPEC, .ifi_index = (int)if_nametoindex(interface) },
		.xdp = { .nla_len = sizeof(r) - offsetof(struct request, xdp), .nla_type = IFLA_XDP | NLA_F_NESTED },
		.fd_head = { .nla_len = sizeof(struct nlattr) + sizeof(r.fd), .nla_type = IFLA_XDP_FD },
		.fd = fd,
		.flags_head = { .nla_len = sizeof(struct nlattr) + sizeof(r.flags), .nla_type = IFLA_XDP_FLAGS },
		.flags = XDP_FLAGS_DRV_MODE,
	};
	struct { struct nlmsghdr n; struct nlmsgerr e; char more[512]; } answer;
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (s < 0 || send(s, &r, sizeof(r), 0) != sizeof(r) || recv(s, &answer, sizeof(answer), 0) < (ssize_t)sizeof(answer.n))
		err(1, "netlink");
	if (answer.n.nlmsg_type != NLMSG_ERROR || answer.e.error)
		errx(1, "%s: %s", interface, strerror(-answer.e.error));
	close(s);
}

int main(int argc, char **argv)
{
	if (argc != 3 || !if_nametoindex(argv[1]))
		errx(2, "xdp INTERFACE on|off");
	attach(argv[1], strcmp(argv[2], "on") ? -1 : load());
	printf("xdp is %s\n", argv[2]);
	return 0;
}
