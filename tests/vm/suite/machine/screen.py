# SPDX-License-Identifier: GPL-2.0-only
"""screen.py WIDTHxHEIGHT FILE - print what stood on a terminal of that size when the program that wrote FILE was about to leave the
screen (terminal.py's TERMINAL_LOG). It knows what curses writes for TERM=screen; what it does not know is an error."""
import re
import sys

PIECE = re.compile(r"\x1b\[(\??)([0-9;]*)([@-~])|\x1b([()].|[=>ME78])|([\x00-\x1f])|([^\x00-\x1f\x1b]+)", re.S)


class Screen:
    def __init__(self, width, height):
        self.width, self.height = width, height
        self.rows = [[" "] * width for _ in range(height)]
        self.row = self.column = 0
        self.top, self.bottom = 0, height - 1
        self.saved = 0, 0
        self.inserting = False

    def text(self, text):
        for letter in text:
            if self.column == self.width:   # xenl: the line is full, and goes on with the next letter
                self.column = 0
                self.down()
            if self.inserting:
                self.rows[self.row].insert(self.column, " ")
                self.rows[self.row].pop()
            self.rows[self.row][self.column] = letter
            self.column += 1

    def down(self):
        if self.row == self.bottom:
            self.delete_lines(self.top, 1)
        else:
            self.row = min(self.row + 1, self.height - 1)

    def delete_lines(self, at, count):
        for _ in range(count):
            del self.rows[at]
            self.rows.insert(self.bottom, [" "] * self.width)

    def insert_lines(self, at, count):
        for _ in range(count):
            del self.rows[self.bottom]
            self.rows.insert(at, [" "] * self.width)

    def blank(self, row, begin, end):
        self.rows[row][begin:end] = [" "] * (end - begin)

    def control(self, letter):
        if letter == "\r":
            self.column = 0
        elif letter == "\n":
            self.down()
        elif letter == "\b":
            self.column = max(0, min(self.column, self.width - 1) - 1)
        elif letter == "\t":
            self.column = min(self.width - 1, self.column // 8 * 8 + 8)
        elif letter not in "\x0e\x0f\x07":
            sys.exit(f"what is {letter!r}?")

    def escape(self, letter):
        if letter == "M" and self.row == self.top:
            self.insert_lines(self.top, 1)
        elif letter == "M":
            self.row = max(0, self.row - 1)
        elif letter == "E":
            self.column = 0
            self.down()
        elif letter == "7":
            self.saved = self.row, self.column
        elif letter == "8":
            self.row, self.column = self.saved

    def erase(self, kind, number):
        """What curses uses of ED and EL."""
        if kind == "J" and number == 0:
            self.blank(self.row, self.column, self.width)
            for row in range(self.row + 1, self.height):
                self.blank(row, 0, self.width)
        elif kind == "K" and number == 0:
            self.blank(self.row, self.column, self.width)
        elif kind == "K" and number == 1:
            self.blank(self.row, 0, self.column + 1)
        else:
            sys.exit(f"what is CSI {number} {kind}?")

    def sequence(self, numbers, kind):
        first = numbers[0] if numbers else 0
        count = max(first, 1)
        line = self.rows[self.row]
        if kind == "H":
            self.row, self.column = (max(n, 1) - 1 for n in (numbers + [1, 1])[:2])
        elif kind == "G":
            self.column = count - 1
        elif kind == "d":
            self.row = count - 1
        elif kind in "ABCD":
            self.row = max(0, min(self.height - 1, self.row + {"A": -count, "B": count}.get(kind, 0)))
            self.column = max(0, min(self.width - 1, self.column + {"D": -count, "C": count}.get(kind, 0)))
        elif kind in "JK":
            self.erase(kind, first)
        elif kind == "P":
            self.rows[self.row] = line[:self.column] + line[self.column + count:] + [" "] * count
        elif kind == "@":
            self.rows[self.row] = (line[:self.column] + [" "] * count + line[self.column:])[:self.width]
        elif kind == "L":
            self.insert_lines(self.row, count)
        elif kind == "M":
            self.delete_lines(self.row, count)
        elif kind in "ST":
            (self.delete_lines if kind == "S" else self.insert_lines)(self.top, count)
        elif kind == "r":
            self.top, self.bottom = (numbers[0] - 1, numbers[1] - 1) if numbers else (0, self.height - 1)
            self.row = self.column = 0
        elif kind in "hl" and first == 4:
            self.inserting = kind == "h"
        elif kind not in "mhl":     # colours and other modes
            sys.exit(f"what is CSI {numbers} {kind}?")

    def show(self):
        lines = ["".join(row).rstrip() for row in self.rows]
        while lines and not lines[-1]:
            lines.pop()
        return "\n".join(lines)


def main():
    width, height = map(int, sys.argv[1].split("x"))
    with open(sys.argv[2], "rb") as file:
        log = file.read().decode()
    shown = log[log.index("\x1b[?1049h"):log.rindex("\x1b[?1049l")]
    # endwin(3) wipes the last line, which is no part of what was drawn
    shown = re.sub(rf"(\r|\n|\x1b\[{height}d|\x1b\[{height};1H)*\x1b\[K(\x1b\[{height};1H)?$", "", shown)
    screen = Screen(width, height)
    at = 0
    while at < len(shown):
        piece = PIECE.match(shown, at)
        if not piece:
            sys.exit(f"what is {shown[at:at + 20]!r}?")
        at = piece.end()
        private, numbers, kind, escape, control, text = piece.groups()
        if kind and not private:
            screen.sequence([int(n or 0) for n in numbers.split(";")] if numbers else [], kind)
        elif escape:
            screen.escape(escape)
        elif control:
            screen.control(control)
        elif text:
            screen.text(text)
    print(screen.show())


main()
