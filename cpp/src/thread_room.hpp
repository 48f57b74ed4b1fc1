// Memory of a thread's own, made at its first use and given back when the thread ends.
#pragma once

#include "deltarule/types.hpp"

namespace deltarule {

// Room for so many bytes from the start of a cache line, the same each time that as many are asked for;
// null where there is no memory. (A thread_local object would end the process there: neither its place
// in a loaded library nor the note that it is to be destroyed can be refused.)
void* thread_room(Index bytes);

}  // namespace deltarule
