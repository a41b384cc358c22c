/* yaml_fuzz.c - pipeline files are bytes from outside: whatever they hold, they give connectors or
 * problems, never a crash. */
#include "runtime/base/yaml_tree.h"
#include "runtime/pipeline/pipeline.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pipeline_set *set = pipeline_set_new();

    pipeline_parse(set, (weir_str){(const char *)data, size}, "fuzz.yaml");
    for (size_t i = 0; i < pipeline_problem_count(set); i++) {
        char line[256];

        pipeline_problem_print(pipeline_problem_at(set, i), line, sizeof(line));
        assert(line[0] != '\0');
    }
    for (size_t i = 0; i < pipeline_connector_count(set); i++) {
        const pipeline_connector *connector = pipeline_connector_at(set, i);

        assert(connector->name.ptr[connector->name.len] == '\0');
        for (size_t n = 0; n < connector->setting_count; n++)
            assert(pipeline_setting_of(connector, connector->settings[n].name) ==
                   &connector->settings[n]);
    }
    pipeline_override(set, WEIR_STR(""), WEIR_STR("tasks.max"), WEIR_STR("1"));
    /* without problems there is something to deploy */
    if (pipeline_problem_count(set) == 0)
        assert(pipeline_count(set) > 0);
    pipeline_set_free(set);
    return 0;
}
