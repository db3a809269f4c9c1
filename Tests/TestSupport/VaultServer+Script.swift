extension VaultServer {
    /// Stands in for a genuine server: https://developer.hashicorp.com/vault/api-docs, as far as it goes here: tokens with their life, AppRole, policies, KV of both versions.
    static let script = #"""
        import datetime, http.server, json, re, secrets, ssl, sys, threading, time
        from urllib.parse import unquote

        lock = threading.Lock()
        FOREVER = 32 * 24 * 3600
        policies = {"default": 'path "auth/token/lookup-self" { capabilities = ["read"] } path "auth/token/renew-self" { capabilities = ["update"] }'}
        tokens = {"root": {"policies": ["root"], "ttl": 0, "expires": None, "renewable": False, "maximum": None}}
        roles, secret_ids, approle_mounts = {}, {}, set()
        kv2, kv1 = {}, {}
        requests = []

        def seconds(value):
            if isinstance(value, (int, float)): return float(value)
            if not value: return 0.0
            match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)?", value)
            return float(match[1]) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600, None: 1}[match[2]]

        def stamp(offset=0): return (datetime.datetime.utcnow() + datetime.timedelta(seconds=offset)).isoformat() + "000Z"

        def new_token(policies, ttl, renewable=True, maximum=None):
            now = time.monotonic()
            ttl = ttl or FOREVER
            limit = now + (maximum or FOREVER)
            text = "hvs." + secrets.token_urlsafe(18)
            tokens[text] = {"policies": sorted(set(policies) | {"default"}), "ttl": ttl, "expires": min(now + ttl, limit), "renewable": renewable, "maximum": limit}
            return text

        def auth(text):
            token = tokens[text]
            left = 0 if token["expires"] is None else max(0, int(token["expires"] - time.monotonic() + 0.999))
            return {"client_token": text, "accessor": "a", "policies": token["policies"], "token_policies": token["policies"], "metadata": {}, "lease_duration": left, "renewable": token["renewable"], "entity_id": "", "token_type": "service", "orphan": False}

        def answer(data=None, auth=None, lease=0):
            return 200, {"request_id": secrets.token_hex(8), "lease_id": "", "renewable": False, "lease_duration": lease, "data": data, "wrap_info": None, "warnings": None, "auth": auth}

        def error(status, *messages): return status, {"errors": list(messages)}
        DENIED = error(403, "1 error occurred:\n\t* permission denied\n\n")

        def allowed(token, method, path):
            if "root" in token["policies"]: return True
            wanted = {"GET": "read", "POST": "update", "PUT": "update", "DELETE": "delete"}[method]
            for name in token["policies"]:
                for pattern, capabilities in re.findall(r'path\s+"([^"]*)"\s*\{\s*capabilities\s*=\s*\[([^\]]*)\]', policies.get(name, "")):
                    matches = path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern
                    if matches and f'"{wanted}"' in capabilities: return True
            return False

        def handle(method, path, query, body, text, namespace):
            if path == "sys/health": return 200, {"initialized": True, "sealed": False, "standby": False}
            if text != "root": requests.append([method, path, namespace])
            match = re.fullmatch(r"auth/([^/]+)/login", path)
            if match:
                if match[1] not in approle_mounts or method not in ("POST", "PUT"): return error(404, "no handler for route")
                role = next((r for r in roles.values() if r["mount"] == match[1] and r["id"] == body.get("role_id")), None)
                if role is None: return error(400, "invalid role ID")
                if secret_ids.get(body.get("secret_id")) != role["id"]: return error(400, "invalid secret id")
                return answer(auth=auth(new_token(role["policies"], role["ttl"])))
            token = tokens.get(text)
            if token is None or (token["expires"] is not None and time.monotonic() >= token["expires"]):
                return error(403, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n") if text else error(403, "permission denied")
            if not allowed(token, method, path): return DENIED
            if path == "test/requests": return 200, {"requests": requests}
            if path == "auth/token/lookup-self":
                left = 0 if token["expires"] is None else int(token["expires"] - time.monotonic() + 0.999)
                return answer({"id": text, "ttl": left, "creation_ttl": int(token["ttl"]), "renewable": token["renewable"], "policies": token["policies"], "type": "service", "explicit_max_ttl": 0})
            if path == "auth/token/renew-self" and method in ("POST", "PUT"):
                if not token["renewable"]: return error(400, "lease is not renewable")
                token["expires"] = min(time.monotonic() + (seconds(body.get("increment")) or token["ttl"]), token["maximum"])
                return answer(auth=auth(text))
            if path == "auth/token/create":
                return answer(auth=auth(new_token(body.get("policies", []), seconds(body.get("ttl")), body.get("renewable", True), seconds(body.get("explicit_max_ttl")) or None)))
            if path == "auth/token/revoke":
                tokens.pop(body["token"], None)
                return 204, None
            match = re.fullmatch(r"sys/policies/acl/(.+)", path)
            if match:
                policies[match[1]] = body["policy"]
                return 204, None
            match = re.fullmatch(r"sys/auth/([^/]+)", path)
            if match:
                if match[1] in approle_mounts: return error(400, f"path is already in use at {match[1]}/")
                approle_mounts.add(match[1])
                return 204, None
            match = re.fullmatch(r"sys/mounts/kv1", path)
            if match: return 204, None
            match = re.fullmatch(r"auth/([^/]+)/role/([^/]+)(/.*)?", path)
            if match and match[1] in approle_mounts:
                key = (match[1], match[2])
                if match[3] is None:
                    role = roles.setdefault(key, {"mount": match[1], "id": secrets.token_hex(16)})
                    role["ttl"], role["policies"] = seconds(body.get("token_ttl")), body.get("token_policies", [])
                    return 204, None
                if match[3] == "/role-id": return answer({"role_id": roles[key]["id"]})
                if match[3] == "/secret-id":
                    identifier = secrets.token_hex(16)
                    secret_ids[identifier] = roles[key]["id"]
                    return answer({"secret_id": identifier, "secret_id_accessor": "a", "secret_id_ttl": 0, "secret_id_num_uses": 0})
                if match[3] == "/secret-id/destroy":
                    secret_ids.pop(body["secret_id"], None)
                    return 204, None
            match = re.fullmatch(r"secret/data/(.+)", path)
            if match:
                versions = kv2.setdefault(match[1], [])
                if method in ("POST", "PUT"):
                    versions.append({"data": body["data"], "deletion_time": ""})
                    return answer({"created_time": stamp(), "custom_metadata": None, "deletion_time": "", "destroyed": False, "version": len(versions)})
                if method == "DELETE":
                    versions[-1]["deletion_time"] = stamp()
                    return 204, None
                number = int(query.get("version", 0)) or len(versions)
                if not 1 <= number <= len(versions): return error(404)
                version = versions[number - 1]
                metadata = {"created_time": stamp(), "custom_metadata": None, "deletion_time": version["deletion_time"], "destroyed": False, "version": number}
                if version["deletion_time"]:
                    status, value = answer({"data": None, "metadata": metadata})
                    return 404, value
                return answer({"data": version["data"], "metadata": metadata})
            match = re.fullmatch(r"kv1/(.+)", path)
            if match:
                if method in ("POST", "PUT"):
                    kv1[match[1]] = body
                    return 204, None
                if match[1] not in kv1: return error(404)
                return answer(kv1[match[1]], lease=int(seconds(kv1[match[1]].get("ttl"))) or 2764800)
            return error(404, "no handler for route")

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *arguments): pass
            def serve(self):
                length = int(self.headers.get("Content-Length") or 0)
                text = self.rfile.read(length)
                raw, _, query = self.path.partition("?")
                query = dict(part.partition("=")[::2] for part in query.split("&") if part)
                try:
                    body = json.loads(text) if text else {}
                    with lock:
                        status, value = handle(self.command, unquote(raw.removeprefix("/v1/")), query, body, self.headers.get("X-Vault-Token", ""), self.headers.get("X-Vault-Namespace", ""))
                except (ValueError, KeyError, TypeError) as problem:
                    status, value = error(400, f"error parsing JSON: {problem}")
                data = b"" if value is None else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Cache-Control", "no-store")
                if status != 204: self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            do_GET = do_POST = do_PUT = do_DELETE = serve

        http.server.ThreadingHTTPServer.request_queue_size = 256
        server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
        if len(sys.argv) > 2:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(sys.argv[2], sys.argv[3])
            server.socket = context.wrap_socket(server.socket, server_side=True)
        server.serve_forever()
        """#
}
