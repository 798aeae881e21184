# Prints the ARP frames that arrive at an interface, one a line in hexadecimal, after a line "ready". Ends when it is killed.
import socket
import sys

frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
frames.bind((sys.argv[1], 0x0806))
print("ready", flush=True)
while True:
    print(frames.recv(2048)[:42].hex(), flush=True)
