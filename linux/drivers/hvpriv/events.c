// SPDX-License-Identifier: GPL-2.0-only
/* Generic netlink: one family that only speaks, to one multicast group. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <net/genetlink.h>

#include "domain.h"
#include "events.h"

static const struct genl_multicast_group groups[] = {
	{ .name = HVPRIV_GENL_GROUP },
};

static struct genl_family family __ro_after_init = {
	.name		= HVPRIV_GENL_NAME,
	.version	= HVPRIV_GENL_VERSION,
	.maxattr	= HVPRIV_A_MAX,
	.module		= THIS_MODULE,
	.mcgrps		= groups,
	.n_mcgrps	= ARRAY_SIZE(groups),
};

static int fill(struct sk_buff *skb, u8 cmd, struct hv_domain *d, u32 code, const char *device)
{
	void *hdr = genlmsg_put(skb, 0, 0, &family, 0, cmd);
	char name[HVPRIV_NAME_LEN];

	if (!hdr)
		return -EMSGSIZE;
	hv_domain_name(d, name);
	if (nla_put_u32(skb, HVPRIV_A_DOMID, d->domid) ||
	    nla_put_string(skb, HVPRIV_A_NAME, name) ||
	    (cmd == HVPRIV_CMD_SHUTDOWN && nla_put_u32(skb, HVPRIV_A_CODE, code)) ||
	    (device && nla_put_string(skb, HVPRIV_A_DEVICE, device)))
		return -EMSGSIZE;
	genlmsg_end(skb, hdr);
	return 0;
}

static void send(u8 cmd, struct hv_domain *d, u32 code, const char *device)
{
	struct sk_buff *skb = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);

	if (!skb)
		return;
	if (fill(skb, cmd, d, code, device)) {
		nlmsg_free(skb);
		return;
	}
	/* -ESRCH: nobody listens */
	genlmsg_multicast(&family, skb, 0, 0, GFP_KERNEL);
}

void hv_event_send(u8 cmd, struct hv_domain *d, u32 code)
{
	send(cmd, d, code, NULL);
}

void hv_event_send_device(u8 cmd, struct hv_domain *d, const char *device)
{
	send(cmd, d, 0, device);
}

int __init hv_events_init(void)
{
	return genl_register_family(&family);
}

void hv_events_exit(void)
{
	genl_unregister_family(&family);
}
