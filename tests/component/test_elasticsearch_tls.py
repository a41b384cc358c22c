"""test_elasticsearch_tls.py - the elasticsearch sink over HTTPS: who is trusted, and who the sink says it is.

The Elasticsearch that Maven Central has comes without its security module, so TLS and credentials are those of a
front before it.
"""
import base64
import ssl

import pytest

from certificates import Authority, openssl
from http_front import Front
from search_target import target  # noqa: F401, the fixture
from sinks import Refused


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(str(tmp_path_factory.mktemp("tls")))


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.sign("server", "IP:127.0.0.1")


@pytest.fixture
def secure(elasticsearch, certificate):
    """A function that makes a front with TLS: client_ca asks clients for a certificate of that authority."""
    fronts = []

    def start(pair=certificate, client_ca=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        if client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(client_ca)
        fronts.append(Front(elasticsearch.port, tls=context))
        return fronts[-1]

    yield start
    for one in fronts:
        one.stop()


def write(target, sink):
    for id in range(20):
        target.upsert(sink, id, "a", id)
    sink.apply()
    assert target.documents() == {str(id): ("a", id) for id in range(20)}


def assert_refused(target, *words, code="WEIR_FATAL", **settings):
    with pytest.raises(Refused) as refused:
        target.open(**settings)
    message = refused.value.message
    assert refused.value.code == code, message
    for word in words:
        assert word in message, message
    assert message.count("\n") == 0


PEM = {"elastic.https.ssl.truststore.type": "PEM"}


def test_the_right_authority_makes_it_work(target, secure, authority):
    front = secure()
    write(target, target.open(url=front.url, connection_ssl_ca_file=authority.file))
    assert len(front.paths("_bulk")) > 0


def test_the_confluent_sinks_names_work(target, secure, authority):
    write(target, target.open(url=secure().url, elastic_security_protocol="SSL",
                              elastic_https_ssl_truststore_type="PEM",
                              elastic_https_ssl_truststore_location=authority.file))


@pytest.mark.parametrize("who", ["nobody", "another"])
def test_a_server_of_an_unknown_authority_is_refused(target, secure, tmp_path, who):
    settings, remedy = {}, "connection.ssl.ca.file names the authority"
    if who == "another":
        settings = {"connection_ssl_ca_file": Authority(str(tmp_path), "another").file}
        remedy = "check connection.ssl.ca.file"
    front = secure()
    assert_refused(target, "no TLS with elasticsearch at " + front.url, "certificate", remedy,
                   url=front.url, **settings)


def test_a_server_of_another_name_is_refused_unless_names_do_not_matter(
        target, secure, authority):
    front = secure(authority.sign("other", "DNS:search.example.com"))
    settings = {"url": front.url, "connection_ssl_ca_file": authority.file}
    assert_refused(target, "127.0.0.1", "no alternative certificate", "names this host", **settings)
    write(target, target.open(**settings, elastic_https_ssl_endpoint_identification_algorithm=""))


def test_an_authority_that_cannot_be_read_is_named(target, secure):
    assert_refused(target, "/no/such/file", "check connection.ssl.ca.file", url=secure().url,
                   connection_ssl_ca_file="/no/such/file")


def test_a_client_certificate_is_shown(target, secure, authority):
    certificate, key = authority.sign("client", "DNS:client")
    both, store = authority.path("both.pem"), authority.path("client.p12")
    with open(both, "w") as file:
        for path in (certificate, key):
            with open(path) as part:
                file.write(part.read())
    openssl("pkcs12", "-export", "-in", certificate, "-inkey", key, "-passout", "pass:secret", "-out",
            store)
    front = secure(client_ca=authority.file)
    trust = {"url": front.url, "connection_ssl_ca_file": authority.file}
    with pytest.raises(Refused, match="could not reach elasticsearch.*(alert|not connected|reset)"):
        target.open(**trust)
    for settings in ({"connection_ssl_certificate_file": certificate, "connection_ssl_key_file": key},
                     {"elastic_https_ssl_keystore_type": "PEM",
                      "elastic_https_ssl_keystore_location": both},
                     {"elastic_https_ssl_keystore_type": "PKCS12",
                      "elastic_https_ssl_keystore_location": store,
                      "elastic_https_ssl_keystore_password": "secret"}):
        write(target, target.open(**trust, **settings))
    assert_refused(target, "the password", **trust, elastic_https_ssl_keystore_type="PKCS12",
                   elastic_https_ssl_keystore_location=store,
                   elastic_https_ssl_keystore_password="wr0ng")


@pytest.mark.parametrize("settings, header", [
    ({"connection_username": "weir", "connection_password": "s3cret"},
     "Basic " + base64.b64encode(b"weir:s3cret").decode()),
    ({"connection_api_key": "aWQ6a2V5"}, "ApiKey aWQ6a2V5"),
])
def test_credentials_go_with_every_request(target, secure, authority, settings, header):
    front = secure()
    front.answer = lambda method, path, body: (
        None if front.headers[-1].get("Authorization") == header else (401, b"{}"))
    write(target, target.open(url=front.url, connection_ssl_ca_file=authority.file, **settings))
    assert {one.get("Authorization") for one in front.headers} == {header}
    with pytest.raises(Refused, match="401.*connection.password") as refused:
        target.open(url=front.url, connection_ssl_ca_file=authority.file)
    assert refused.value.code == "WEIR_FATAL"


def test_what_tls_settings_contradict_is_refused_before_anything_is_connected(target):
    store = {"elastic_https_ssl_truststore_location": "/x"}
    for words, settings in (
            ("begins with https://", {"elastic_security_protocol": "SSL"}),
            ("truststore.type is JKS: only PEM can be read", store),
            ("openssl pkcs12", {"elastic_https_ssl_truststore_type": "PKCS12", **store}),
            ("both set", {"elastic_https_ssl_truststore_type": "PEM", **store,
                          "connection_ssl_ca_file": "/y"}),
            ("keystore.type is JKS: only PEM and PKCS12",
             {"elastic_https_ssl_keystore_location": "/x"}),
            ("neither https nor empty",
             {"elastic_https_ssl_endpoint_identification_algorithm": "maybe"}),
            ("connection.ssl.key.file", {"elastic_https_ssl_keystore_key": "-----BEGIN"}),
            ("none of PLAINTEXT, SSL", {"elastic_security_protocol": "SASL_SSL"})):
        assert_refused(target, words, code="WEIR_CONFIG", **settings)
