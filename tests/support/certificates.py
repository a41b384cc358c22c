"""certificates.py - a self-made authority and what it signs, by the openssl program."""
import os
import subprocess


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class Authority:
    """Its certificate is in .file; everything it makes is in the folder, named after who it is for."""

    def __init__(self, folder, name="authority"):
        self.folder, self.name = folder, name
        self.file, self.key = self.path(name + ".pem"), self.path(name + ".key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", "2", "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.file)

    def path(self, name):
        return os.path.join(self.folder, name)

    def sign(self, name, alternatives):
        """(certificate, key) of a server or a client; alternatives as in "IP:127.0.0.1,DNS:localhost"."""
        certificate, key = self.path(name + ".pem"), self.path(name + ".key")
        request, extensions = self.path(name + ".csr"), self.path(name + ".ext")
        with open(extensions, "w") as file:
            file.write(f"subjectAltName={alternatives}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                f"/CN={name}", "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.key,
                "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", certificate)
        return certificate, key
