# An agent in the sandbox that goes out by the proxy, as Python's library does by itself: prints the status of each, and what a direct
# connection gives. Arguments: a port of the host's loopback.
import http.client, json, os, socket, sys, urllib.error, urllib.parse, urllib.request

port = int(sys.argv[1])
found = {}
for path in ("/v1/a", "/v2/a"):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            found[path] = [answer.status, answer.read().decode()]
    except urllib.error.HTTPError as error:
        found[path] = [error.code, json.loads(error.read())["reason_code"]]
proxy = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
tunnel = http.client.HTTPConnection(proxy.hostname, proxy.port, timeout=10)
import base64
pair = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
tunnel.set_tunnel("127.0.0.1", port, {"Proxy-Authorization": f"Basic {pair}"})
tunnel.request("GET", "/tunnel")
found["tunnel"] = tunnel.getresponse().read().decode()
try:
    socket.create_connection(("127.0.0.1", port), timeout=3)
    found["direct"] = "connected"
except OSError:
    found["direct"] = "held"
print(json.dumps(found))
sys.exit(5)
