#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""datapath.py new|del NAME - a bridge of Open vSwitch as the kernel has it, without any of its programs (linux/openvswitch.h)."""

import socket
import struct
import sys

NETLINK_GENERIC, NLM_F_REQUEST, NLM_F_ACK = 16, 1, 4
GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 16, 3, 1, 2
OVS_DP_CMD_NEW, OVS_DP_CMD_DEL, OVS_DP_ATTR_NAME, OVS_DP_ATTR_UPCALL_PID = 1, 2, 1, 2


def attribute(kind, value):
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def ask(sock, family, command, version, payload):
    body = struct.pack("=BBH", command, version, 0) + payload
    sock.send(struct.pack("=IHHII", 16 + len(body), family, NLM_F_REQUEST | NLM_F_ACK, 1, 0) + body)
    answer = sock.recv(65536)
    if struct.unpack_from("=H", answer, 4)[0] == 2:  # NLMSG_ERROR
        error = -struct.unpack_from("=i", answer, 16)[0]
        if error:
            sys.exit(f"datapath: error {error}")
    return answer


def family_id(sock, name):
    answer = ask(sock, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, attribute(CTRL_ATTR_FAMILY_NAME, name.encode() + b"\0"))
    at = 20
    while at < len(answer):
        size, kind = struct.unpack_from("=HH", answer, at)
        if kind == CTRL_ATTR_FAMILY_ID:
            return struct.unpack_from("=H", answer, at + 4)[0]
        at += size + (-size % 4)
    sys.exit(f"datapath: there is no family {name}")


def main():
    what, name = sys.argv[1:]
    family_socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
    family = family_id(family_socket, "ovs_datapath")
    header = struct.pack("=i", 0)
    attributes = attribute(OVS_DP_ATTR_NAME, name.encode() + b"\0")
    if what == "new":
        attributes += attribute(OVS_DP_ATTR_UPCALL_PID, struct.pack("=I", 0))
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
    ask(sock, family, OVS_DP_CMD_NEW if what == "new" else OVS_DP_CMD_DEL, 2, header + attributes)


main()
