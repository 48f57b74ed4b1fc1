// Subnormal numbers count as zero, on a thread, for as long as a FlushSubnormals lives there.
//
// Processors spend a hundred cycles on each subnormal number, and training makes them: where a
// gradient stays zero the moments decay until they are subnormal, and where a sigmoid is sure of its
// answer, dZ is. They are far below anything that a sum or epsilon lets through.
#pragma once

#include <cstdint>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace deltarule {

class FlushSubnormals {
 public:
  FlushSubnormals() : before_(control()) { set_control(before_ | flush); }
  ~FlushSubnormals() { set_control(before_); }
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;

 private:
  // The thread's floating-point control register.
#if defined(__SSE2__)
  using Control = unsigned;
  static constexpr Control flush = 0x8000 | 0x0040;  // of results, and of operands
  static Control control() { return _mm_getcsr(); }
  static void set_control(Control value) { _mm_setcsr(value); }
#elif defined(__aarch64__)
  using Control = std::uint64_t;
  static constexpr Control flush = Control{1} << 24;
  static Control control() {
    Control value;
    asm volatile("mrs %0, fpcr" : "=r"(value));
    return value;
  }
  static void set_control(Control value) { asm volatile("msr fpcr, %0" ::"r"(value)); }
#else
  using Control = unsigned;
  static constexpr Control flush = 0;
  static Control control() { return 0; }
  static void set_control(Control) {}
#endif

  Control before_;
};

}  // namespace deltarule
