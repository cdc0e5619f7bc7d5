#include "host/live.h"
#include "services/registry/registry.h"

int main(int argc, char **argv) {
    return live_main(&registry_def, argc, argv);
}
