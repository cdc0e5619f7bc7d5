#include "host/live.h"
#include "notify.h"

int main(int argc, char **argv) {
    return live_main(&notify_def, argc, argv);
}
