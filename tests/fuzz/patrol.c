/* patrol - requests, frames and answers of others to the whole service (house.h). */
#include "services/patrol/patrol.h"

#include "house.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return house_play(&patrol_def, (struct bytes){data, size});
}
