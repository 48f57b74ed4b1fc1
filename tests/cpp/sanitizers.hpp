// Which sanitizer the tests were compiled with: some of them cannot be made under one.
#pragma once

#if defined(__has_feature)
#define DELTARULE_HAS_FEATURE(feature) __has_feature(feature)
#else
#define DELTARULE_HAS_FEATURE(feature) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || DELTARULE_HAS_FEATURE(address_sanitizer)
#define DELTARULE_ADDRESS_SANITIZER 1
#else
#define DELTARULE_ADDRESS_SANITIZER 0
#endif

#if defined(__SANITIZE_THREAD__) || DELTARULE_HAS_FEATURE(thread_sanitizer)
#define DELTARULE_THREAD_SANITIZER 1
#else
#define DELTARULE_THREAD_SANITIZER 0
#endif
