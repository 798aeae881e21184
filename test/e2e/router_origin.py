# A web server that answers with the address it was called from. Prints "ready", then "FROM TO" for each IPv4 packet that
# arrives at an interface, whoever it is for. Ends when it is killed.
import http.server
import socket
import sys
import threading


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = (self.client_address[0] + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
packets.bind((sys.argv[1], 0x0800))
server = http.server.ThreadingHTTPServer(("0.0.0.0", 80), Answer)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("ready", flush=True)
while True:
    head = packets.recv(65536)[:20]
    print(socket.inet_ntoa(head[12:16]), socket.inet_ntoa(head[16:20]), flush=True)
