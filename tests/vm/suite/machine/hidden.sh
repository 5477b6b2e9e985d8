# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only

. "$(dirname "$0")/checks.sh"

# poke HOW - what the module said; it never stays loaded
poke() {
	dmesg -c >>"$scratch/dmesg"
	insmod /root/poke.ko "how=$1" 2>/dev/null || true
	dmesg | sed -n 's/.*poke: //p'
}

hidden_is_what_is_said() {
	local frames
	frames=$(poke find | sed -n 's/^\([0-9]*\) hidden frames.*/\1/p')
	equal 'hidden frames' "$frames" $(($(info hypervisor_kib) / 4))
}

reads_give_zeros() {
	poke read | tee "$scratch/poke"
	grep -E '^read [1-9][0-9]* frames, 0 were not zero' "$scratch/poke"
}

writes_fault() {
	local before after
	before=$(info dom0_hidden_writes)
	equal 'the write' "$(poke write)" 'the write faulted, then it reads 00'
	after=$(info dom0_hidden_writes)
	equal 'writes counted' $((after - before)) 1
}

own_frames_are_writable() {
	equal 'the write' "$(poke physical)" 'the write went through'
}

words_across_the_edge() {
	poke zeropad | tee "$scratch/poke"
	grep -E '^[1-9][0-9]* words across the edge, 0 wrong' "$scratch/poke"
}

# All memory by /proc/kcore. The rest of that file is terabytes of nothing.
kcore_is_readable() {
	python3 - <<-'END'
		import struct
		total = 0
		with open("/proc/kcore", "rb", buffering=0) as file:
		    header = file.read(64)
		    offset, = struct.unpack_from("<Q", header, 32)
		    size, number = struct.unpack_from("<HH", header, 54)
		    file.seek(offset)
		    table = file.read(size * number)
		    for i in range(number):
		        kind, _, start, _, physical, length = struct.unpack_from("<IIQQQQ", table, i * size)
		        # segments of the direct map are those with a physical address
		        if kind != 1 or physical == 0xffffffffffffffff or length > 1 << 33:
		            continue
		        file.seek(start)
		        while length > 0:
		            block = file.read(min(length, 1 << 22))
		            if not block:
		                break
		            length -= len(block)
		            total += len(block)
		print(total >> 20, "MiB")
		assert total > 1 << 30
	END
	timeout 5 cat /proc/kcore >/dev/null || [ $? = 124 ]
}

bad_memory() {
	modprobe mce-inject
	python3 "$(dirname "$0")/badmemory.py" | tee "$scratch/badmemory"
	equal 'what it said' "$(cat "$scratch/badmemory")" "the second ends with exit 2, code 8
the first is paused
the second is crashed"
	dmesg | grep -E 'd[0-9]+ ends: memory at 0x[0-9a-f]+, which it has, failed'
	dmesg -c >>"$scratch/dmesg" # the kernel's own lines of it
	modprobe -r mce-inject
}

all_is_back() {
	systemctl stop zendo
	equal 'hidden frames' "$(poke find)" '0 hidden frames, the first at 0x0'
}

check 'hypervisor' systemctl start zendo
check 'a guest' zendo create "$(tiny beside hello idle)"
check 'what is hidden is what info says' hidden_is_what_is_said
check 'a write to a frame of dom0 goes through' own_frames_are_writable
check 'reading a hidden frame gives zeros' reads_give_zeros
check 'words across the edge of a hidden frame' words_across_the_edge
check '/proc/kcore can be read' kcore_is_readable
check 'no write was counted so far' equal writes "$(info dom0_hidden_writes)" 0
check 'writing a hidden frame faults and is counted' writes_fault
check 'a domain whose memory fails ends, others do not' bad_memory
check 'the guest has not noticed' exists beside
check 'the guest goes' zendo destroy beside
check 'after a stop nothing is hidden' all_is_back
check 'the kernel has nothing to say' dmesg_clean
finish
