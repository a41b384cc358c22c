/* AvroOracle.java - what Apache Avro for Java says of schemas: one question a line, one answer a line.
 *
 *     S refs... schema           is it one, and which texts and fingerprints does it have?
 *     C refs... reader writer    can the reader read what the writer wrote?
 *
 * The parts of a line stand between tabs; behind the letter is how many references there are, each of
 * which may use those in front of it. tests/support/avro_oracle.c answers the same in our words.
 */
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.avro.JsonProperties;
import org.apache.avro.LogicalType;
import org.apache.avro.LogicalTypes;
import org.apache.avro.NameValidator;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.SchemaCompatibility.Incompatibility;
import org.apache.avro.SchemaNormalization;

public final class AvroOracle {
    private static final ObjectMapper JSON = new ObjectMapper();

    private AvroOracle() {
    }

    public static void main(String[] arguments) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);

        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String answer;

            try {
                answer = answer(line.split("\t", -1));
            } catch (RuntimeException | StackOverflowError failure) {
                answer = "-\t" + failure;
            }
            out.println(answer.replace('\n', ' ').replace('\r', ' '));
        }
        out.flush();
    }

    private static Schema.Parser parser() {
        return new Schema.Parser(NameValidator.STRICT_VALIDATOR).setValidateDefaults(true);
    }

    private static String answer(String[] parts) throws IOException {
        int count = Integer.parseInt(parts[1]);
        List<String> references = Arrays.asList(parts).subList(2, 2 + count);

        if (parts[0].equals("S"))
            return describe(references, parts[2 + count]);
        return compare(parse(references, parts[2 + count]), parse(references, parts[3 + count]));
    }

    private static List<Schema> known(Schema.Parser parser, List<String> references) {
        List<Schema> known = new ArrayList<>();

        for (String reference : references)
            known.add(parser.parse(reference));
        return known;
    }

    private static Schema parse(List<String> references, String text) {
        Schema.Parser parser = parser();

        known(parser, references);
        return parser.parse(text);
    }

    private static String describe(List<String> references, String text) throws IOException {
        Schema.Parser parser = parser();
        List<Schema> known = known(parser, references);
        Schema schema = parser.parse(text);
        String form = SchemaNormalization.toParsingForm(schema);
        String normal;
        byte[] digest;

        try {
            digest = SchemaNormalization.parsingFingerprint("SHA-256", schema);
        } catch (java.security.NoSuchAlgorithmException missing) {
            throw new IllegalStateException(missing);
        }
        try {
            normal = parse(references, new Normal(known).write(schema)).toString(known, false);
        } catch (RuntimeException failure) {
            normal = "!" + failure;
        }
        StringBuilder hex = new StringBuilder();
        for (byte b : digest)
            hex.append(String.format("%02x", b));
        return String.join("\t", "+", schema.toString(known, false), schema.toString(), form,
                String.format("%016x", SchemaNormalization.parsingFingerprint64(schema)), hex, normal);
    }

    private static String compare(Schema reader, Schema writer) {
        StringBuilder answer = new StringBuilder("=");

        try {
            for (Incompatibility found : SchemaCompatibility
                    .checkReaderWriterCompatibility(reader, writer).getResult().getIncompatibilities())
                answer.append('\t').append(found.getType()).append('|').append(found.getLocation())
                        .append('|').append(found.getMessage());
        } catch (RuntimeException failure) {
            return "!\t" + failure.getMessage();
        }
        return answer.toString();
    }

    /* What Confluent's registry does under normalize=true: the parsing form with everything else that a
     * schema says behind it, sorted, and defaults as values of their types. Parsed once more by who
     * asks, so that the text that counts is Avro's own. Theirs forgets that a type without a namespace
     * inside one that has one needs to say so. */
    private static final class Normal {
        private final TreeSet<String> written = new TreeSet<>();
        private final StringBuilder out = new StringBuilder();

        Normal(List<Schema> known) {
            for (Schema schema : known)
                written.add(schema.getFullName());
        }

        String write(Schema schema) throws JsonProcessingException {
            type(schema);
            return out.toString();
        }

        private void type(Schema schema) throws JsonProcessingException {
            switch (schema.getType()) {
            case UNION:
                String between = "[";
                for (Schema branch : schema.getTypes()) {
                    out.append(between);
                    type(branch);
                    between = ",";
                }
                out.append(schema.getTypes().isEmpty() ? "[]" : "]");
                return;
            case RECORD:
            case ENUM:
            case FIXED:
                if (!written.add(schema.getFullName())) {
                    out.append(JSON.writeValueAsString(schema.getFullName()));
                    return;
                }
                break;
            default:
                break;
            }
            out.append("{\"type\":\"").append(schema.getType().getName()).append('"');
            inside(schema);
            logical(schema.getLogicalType());
            if (schema.getType() == Schema.Type.RECORD || schema.getType() == Schema.Type.ENUM
                    || schema.getType() == Schema.Type.FIXED) {
                if (schema.getDoc() != null && !schema.getDoc().isEmpty())
                    member("doc", schema.getDoc());
                if (!schema.getAliases().isEmpty())
                    member("aliases", new TreeSet<>(schema.getAliases()));
            }
            if (schema.getType() == Schema.Type.ENUM && schema.getEnumDefault() != null)
                member("default", schema.getEnumDefault());
            properties(schema);
            out.append('}');
        }

        private void name(Schema schema) throws JsonProcessingException {
            member("name", schema.getFullName());
            if (schema.getNamespace() == null)
                member("namespace", "");
        }

        private void inside(Schema schema) throws JsonProcessingException {
            switch (schema.getType()) {
            case ARRAY:
                out.append(",\"items\":");
                type(schema.getElementType());
                break;
            case MAP:
                out.append(",\"values\":");
                type(schema.getValueType());
                break;
            case ENUM:
                name(schema);
                member("symbols", schema.getEnumSymbols());
                break;
            case FIXED:
                name(schema);
                member("size", schema.getFixedSize());
                break;
            case RECORD:
                name(schema);
                out.append(",\"fields\":[");
                for (Schema.Field field : schema.getFields()) {
                    out.append(field.pos() > 0 ? "," : "");
                    field(field);
                }
                out.append(']');
                break;
            default:
                break;
            }
        }

        private void field(Schema.Field field) throws JsonProcessingException {
            out.append("{\"name\":").append(JSON.writeValueAsString(field.name())).append(",\"type\":");
            type(field.schema());
            member("order", field.order().toString());
            if (field.doc() != null)
                member("doc", field.doc());
            if (!field.aliases().isEmpty())
                member("aliases", new TreeSet<>(field.aliases()));
            if (field.defaultVal() != null)
                member("default", plain(field.defaultVal()));
            properties(field);
            out.append('}');
        }

        private void logical(LogicalType type) throws JsonProcessingException {
            if (type == null)
                return;
            member("logicalType", type.getName());
            if (!(type instanceof LogicalTypes.Decimal))
                return;
            member("precision", ((LogicalTypes.Decimal) type).getPrecision());
            if (((LogicalTypes.Decimal) type).getScale() != 0)
                member("scale", ((LogicalTypes.Decimal) type).getScale());
        }

        private void properties(JsonProperties of) throws JsonProcessingException {
            for (Map.Entry<String, Object> entry : new TreeMap<>(of.getObjectProps()).entrySet())
                member(entry.getKey(), plain(entry.getValue()));
        }

        private void member(String name, Object value) throws JsonProcessingException {
            out.append(',').append(JSON.writeValueAsString(name)).append(':')
                    .append(JSON.writeValueAsString(value));
        }

        /* Avro's objects as Jackson's, with the members of objects sorted. */
        private static Object plain(Object value) {
            if (value == JsonProperties.NULL_VALUE)
                return null;
            if (value instanceof byte[])
                return new String((byte[]) value, StandardCharsets.ISO_8859_1);
            if (value instanceof List) {
                List<Object> items = new ArrayList<>();
                for (Object item : (List<?>) value)
                    items.add(plain(item));
                return items;
            }
            if (value instanceof Map) {
                Map<String, Object> members = new TreeMap<>();
                for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet())
                    members.put(entry.getKey().toString(), plain(entry.getValue()));
                return members;
            }
            return value;
        }
    }
}
