// WireClient.java - Apache Avro for Java against a registry: `java WireClient.java URL SUBJECT`, with records
// of other clients on standard input (one a line, hexadecimal). Registers a schema, writes a record in the wire
// format (0, id, Avro), reads the others by their ids, and prints all as JSON.
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

public class WireClient {
    static final HttpClient http = HttpClient.newHttpClient();
    static final ObjectMapper json = new ObjectMapper();
    static final String order = "{\"type\":\"record\",\"name\":\"Order\",\"namespace\":\"shop\",\"fields\":["
        + "{\"name\":\"id\",\"type\":\"long\"},{\"name\":\"item\",\"type\":\"string\"},"
        + "{\"name\":\"price\",\"type\":[\"null\",\"double\"],\"default\":null}]}";

    static JsonNode send(HttpRequest.Builder request) throws Exception {
        HttpResponse<String> answer = http.send(
            request.header("Accept", "application/vnd.schemaregistry.v1+json")
                .header("Content-Type", "application/vnd.schemaregistry.v1+json").build(),
            HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() != 200)
            throw new Exception(answer.statusCode() + " " + answer.body());
        return json.readTree(answer.body());
    }

    static byte[] write(int id, Schema schema) throws Exception {
        GenericRecord record = new GenericData.Record(schema);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(out, null);

        record.put("id", 9L);
        record.put("item", "from java");
        record.put("price", 3.5);
        out.write(ByteBuffer.allocate(5).put((byte) 0).putInt(id).array());
        new GenericDatumWriter<GenericRecord>(schema).write(record, encoder);
        encoder.flush();
        return out.toByteArray();
    }

    static Object read(String url, Schema reader, byte[] bytes) throws Exception {
        int id = ByteBuffer.wrap(bytes).getInt(1);
        String text = send(HttpRequest.newBuilder(URI.create(url + "/schemas/ids/" + id))).get("schema").asText();
        Schema writer = new Schema.Parser().parse(text);
        return new GenericDatumReader<Object>(writer, reader).read(null,
            DecoderFactory.get().binaryDecoder(bytes, 5, bytes.length - 5, null));
    }

    public static void main(String[] args) throws Exception {
        Schema schema = new Schema.Parser().parse(order);
        String body = json.writeValueAsString(java.util.Map.of("schema", schema.toString()));
        int id = send(HttpRequest.newBuilder(URI.create(args[0] + "/subjects/" + args[1] + "/versions"))
            .POST(HttpRequest.BodyPublishers.ofString(body))).get("id").asInt();
        String served = send(HttpRequest.newBuilder(URI.create(args[0] + "/schemas/ids/" + id))).get("schema").asText();
        StringBuilder read = new StringBuilder();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = lines.readLine()) != null;)
            read.append(read.length() > 0 ? "," : "").append(read(args[0], schema, HexFormat.of().parseHex(line)));
        System.out.println("{\"ids\":[" + id + "],\"wire\":\"" + HexFormat.of().formatHex(write(id, schema))
            + "\",\"same\":" + schema.toString().equals(served) + ",\"read\":[" + read + "]}");
    }
}
